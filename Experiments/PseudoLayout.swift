// Where would the model itself put each subject, and from which step on? (paper, Fig. 11)
// A pseudo layout (appendix M) takes over after some steps: it confines each subject to where its phrase is attended.
// Scripts/run PseudoLayout [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% Five ways to lay out the same two subjects
let unplaced = [try run.subject("owl"), try run.subject("gift")]
let boxed = [unplaced[0].at(Box(0, 0.2, 0.5, 0.8)), unplaced[1].at(Box(0.5, 0.2, 1, 0.8))]
func makeScene(_ subjects: [Subject], _ rule: PseudoLayout? = nil, dropsGrounding: Bool = false) throws -> Scene {
  try run.scene("an owl and a gift in the snow", subjects) {
    ($0.layout.pseudoLayout, $0.dropsGrounding) = (rule, dropsGrounding)  // grounding: phrases and boxes as queries
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

// %% Generate each scene; show the masks that its rule (if it has none, the published rule) makes of text attention
let layer = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
let shownSteps = PseudoLayoutHistory.evenlySpaced(4, of: scenes[0].scene.steps)  // counted from 0
var (rows, numbers) = ([[Panel]](), [String: [PseudoLayoutHistory.Layout]]())
for (name, scene) in scenes {
  let rule = scene.layout.pseudoLayout ?? .published
  let recorder = PseudoLayoutHistory.recorder(for: rule, layer: layer)
  let generation = try run.generate(scene, observing: recorder, as: name)
  let history = try PseudoLayoutHistory(recorder, of: generation, layer: layer, rule: rule)
  let maps = try history.maps().map { try Panel($0, over: generation.image) }
  let masks = try shownSteps.map { try Panel(masks: history.masks(through: $0)) }
  rows.append([Panel(generation.image, boxesOf: scene)] + maps + masks)
  numbers[name] = try history.layouts(at: shownSteps)
}

let grid = Grid(
  rows, rowTitles: scenes.map(\.name),
  columnTitles: ["image"] + unplaced.map { "map of “\($0.phrase)”" } + shownSteps.map { "masks after step \($0 + 1)" },
  title: "Where the model itself would put each subject",
  caption:
    "Maps: text attention of \(layer), mean over all steps. Masks: the layer’s mean up to the step, cut at half its "
    + "range. In row 4 newer steps weigh more, and masks are boxes around the joint map of all layers, cut at 0.2. In "
    + "rows 3 to 5 these masks confine subjects from step \(PseudoLayout.published.startStep) on (row 4: after it). "
    + run.checkpointNote,
  colorBar: ColorBar(label: "text attention, least to greatest"), panelWidth: 160)
try run.save(grid, numbers: numbers)
