// Where would the model itself put each subject, and from which step on? (paper, Fig. 11)
// After some steps, a pseudo layout (appendix M) replaces the boxes by masks from the model's own text attention.
// Scripts/run PseudoLayout [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% Five ways to lay out the same two subjects
let unplaced = [try run.subject("owl"), try run.subject("gift")]
let boxed = [unplaced[0].at(Box(0, 0.2, 0.5, 0.8)), unplaced[1].at(Box(0.5, 0.2, 1, 0.8))]
func makeScene(_ subjects: [Subject], _ layout: PseudoLayout? = nil, dropsGrounding: Bool = false) throws -> Scene {
  try run.scene("an owl and a gift in the snow", subjects) {
    ($0.layout.pseudoLayout, $0.dropsGrounding) = (layout, dropsGrounding)
    $0.guidanceInterval = Scene.everyNoiseLevel  // the noisiest steps, unguided by default, decide the layout
  }
}
let scenes: [(name: String, scene: Scene)] = [
  ("no layout", try makeScene(unplaced)),
  ("rough boxes", try makeScene(boxed)),
  ("boxes, then pseudo layout", try makeScene(boxed, .published)),
  ("boxes, then one layout for all layers", try makeScene(boxed, .joint)),
  ("no layout, grounding dropped, then pseudo layout", try makeScene(unplaced, .published, dropsGrounding: true)),
]

// %% Generate each, keeping text maps for every step, from one layer or, if the rule fuses layers, from all (`[]`)
let layer = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
let moments = PseudoLayoutHistory.moments(of: scenes[0].scene.steps, count: 4)
var (rows, numbers): ([[Panel]], [String: [PseudoLayoutHistory.Layout]]) = ([], [:])
for (name, scene) in scenes {
  let rule = scene.layout.pseudoLayout ?? .published
  let recorder = AttentionRecorder(.text, layers: rule.fusion == nil ? [layer] : [], keeping: .steps)
  let generation = try run.generate(scene, observing: recorder, as: name)
  let history = try PseudoLayoutHistory(recorder, of: generation, layer: layer, rule: rule)
  let maps = try history.maps(through: scene.steps - 1).map { try Panel($0, over: generation.image) }
  let masks = try moments.map { try Panel(masks: history.masks(through: $0)) }
  rows.append([Panel(generation.image, boxesOf: scene)] + maps + masks)
  numbers[name] = history.layouts(at: moments)
}

let grid = Grid(
  rows, rowTitles: scenes.map(\.name),
  columnTitles: ["image"] + unplaced.map { "text map of “\($0.phrase)”" }
    + moments.map { "masks after step \($0 + 1)" },
  title: "Where the model itself would put each subject",
  caption:
    "Text attention of \(layer), mean over the steps so far, stretched to 0…1 and cut at 0.5; in the fourth row newer "
    + "steps weigh more and the cut is at 0.2. Orange: “owl”, blue: “gift”, mixed: both. From the fifth step on, a pseudo "
    + "layout replaces the boxes: a mask per layer, or boxes around all layers’ fused maps. " + run.checkpointNote,
  colorBar: ColorBar(label: "text attention, least to greatest"), panelWidth: 160)
try run.save(grid, numbers: numbers)
