// Where would the model itself put each subject, and when does it know? (paper, Fig. 11)
// Scripts/run PseudoLayout [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% Five ways to lay out the same two subjects
let free = [try run.subject("owl"), try run.subject("gift")]
let boxed = [free[0].at(Box(0, 0.2, 0.5, 0.8)), free[1].at(Box(0.5, 0.2, 1, 0.8))]
// The first steps, of strong noise, settle the layout: guidance acts in them too.
func scene(_ subjects: [Subject], _ change: (inout Scene) -> Void = { _ in }) throws -> Scene {
  try run.scene("an owl and a gift in the snow", subjects) { $0.guidanceInterval = Scene.everyNoiseLevel }.with(change)
}
let ungrounded = try scene(free) { ($0.layout.pseudoLayout, $0.dropsGrounding) = (.published, true) }
let scenes: [(name: String, scene: Scene)] = [
  ("no layout", try scene(free)),
  ("rough boxes", try scene(boxed)),
  ("boxes, then pseudo layout", try scene(boxed) { $0.layout.pseudoLayout = .published }),
  ("boxes, then one layout for all layers", try scene(boxed) { $0.layout.pseudoLayout = .joint }),
  ("no layout, grounding dropped, then pseudo layout", ungrounded),
]

// %% Generate each, keeping the text maps of one middle layer step by step
let layer = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
let moments = PseudoLayoutHistory.moments(of: scenes[0].scene.steps, count: 4)
var rows: [[Panel?]] = []
var numbers: [String: [PseudoLayoutHistory.Layout]] = [:]
for (name, scene) in scenes {
  let rule = scene.layout.pseudoLayout ?? .published
  let recorder = AttentionRecorder(.text, layers: rule.fusion == nil ? [layer] : [], keeping: .steps)
  let generation = try run.generate(scene, observing: recorder, as: name)
  let history = try PseudoLayoutHistory(recorder, of: generation, layer: layer, rule: rule)
  let maps = try history.maps(upTo: scene.steps - 1).map { try Panel($0, over: generation.image) }
  let masks = try moments.map { try Panel(masks: history.masks(upTo: $0)) }
  rows.append([Panel(generation.image, boxesOf: scene)] + maps + masks)
  numbers[name] = history.layouts(at: moments)
}

// %% The figure
let grid = Grid(
  rows, rowTitles: scenes.map(\.name),
  columnTitles: ["image"] + free.map { "text map of “\($0.phrase)”" } + moments.map { "masks after step \($0 + 1)" },
  title: "Where the model itself would put each subject",
  caption:
    "Text attention of layer \(layer), mean over the steps so far (the newest count most in the fourth row), "
    + "stretched to 0…1 and cut at 0.5 (0.2 there). Orange: “owl”, blue: “gift”, "
    + "mixed: both. Pseudo layout takes over from the fifth step on: every layer’s own mask, or, in the fourth row, the boxes "
    + "around what all layers say together. " + run.checkpointNote,
  colorBar: ColorBar(label: "text attention, least to greatest"), panelWidth: 160)
try run.save(grid, numbers: numbers)
