// When does each word find its place?
// Scripts/run AttentionOverTime [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()
let pipeline = try run.pipeline()

// %% A scene of two subjects
let scene = try run.scene(
  "a lion and an apple in the snow",
  [try run.subject("lion", box: Box(0, 0.2, 0.5, 0.75)), try run.subject("apple", box: Box(0.55, 0.4, 0.95, 0.85))])

// %% Generate, keeping text attention of every step apart
let watcher = HeatmapRecorder(.textTokens, keeping: .steps)
let levels = NoiseLevelRecorder()
let image = try run.generate(scene, watching: [watcher, levels]).image
let spans = try pipeline.spans(of: scene)
let sequences = try zip(scene.phrases, spans).map { try watcher.maps().sequence($0, tokens: $1) }

// %% One frame a step; all maps of a phrase on one scale
let shared = sequences.map { Heatmap.normalizedTogether($0) }
let frames = (0..<scene.steps).map { step in
  { () throws -> Grid in
    let maps = try zip(shared, scene.subjects).enumerated().map { index, item in
      try Panel(image).overlaid(with: item.0[step].values, range: 0...1)
        .boxed(item.1.box.numbers, color: .distinct(index)).captioned("“\(item.1.phrase)”")
    }
    return Grid(
      [[Panel(image, boxesOf: scene).captioned("the image in the end")] + maps],
      title: "Step \(step + 1) of \(scene.steps), noise level σ = \(decimal(levels.levels[step], 2))",
      caption: run.checkpointNote, colorBar: ColorBar(label: "text attention, one scale for all steps"))
  }
}
let masses = zip(sequences, scene.subjects).map { maps, subject in
  JSONValue.object([
    ("phrase", .string(subject.phrase)),
    ("in_box_mass", .array(maps.map { AttentionFit($0, subject).inBoxMass.map { .double($0) } ?? .null })),
  ])
}
try run.save(
  Animation(try frames.map { try $0() }),
  numbers: .object([
    ("noise_levels", JSONValue(levels.levels)), ("phrases", .array(masses)),
  ]))
