// Do subjects follow their boxes, even two of the same kind? (paper, Fig. 15)
// Scripts/run LayoutControl [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% Two pairs of subjects, and four layouts for each pair
let layouts = [
  [Box(0, 0.25, 0.45, 0.75), Box(0.55, 0.25, 1, 0.75)],
  [Box(0.55, 0.25, 1, 0.75), Box(0, 0.25, 0.45, 0.75)],
  [Box(0.25, 0, 0.75, 0.45), Box(0.25, 0.55, 0.75, 1)],
  [Box(0, 0, 0.35, 0.35), Box(0.4, 0.4, 1, 1)],
]
let pairs: [(name: String, prompt: String, subjects: [Subject])] = [
  ("a fox and a car", "a fox and a car on the beach", [try run.subject("fox"), try run.subject("car")]),
  ("two foxes", "a fox and a fox on the beach", [try run.subject("fox"), try run.subject("green-fox", phrase: "fox")]),
]

// %% Generate, and check that each phrase's greatest attention is inside its own box
let (green, dark) = (Color.distinct(2), Color.ink)
var rows: [[Panel]] = []
var numbers: [String: [AttendedSubject]] = [:]
for pair in pairs {
  var row: [Panel] = []
  for (index, boxes) in layouts.enumerated() {
    let scene = try run.scene(pair.prompt, zip(pair.subjects, boxes).map { $0.at($1) })
    let label = "\(pair.name), layout \(index + 1)"
    let recorder = AttentionRecorder(.text)
    let generation = try run.generate(scene, observing: recorder, as: label)
    let attended = try recorder.attended(in: generation)
    let hits = attended.filter(\.peaksInBox).count
    row.append(
      Panel(generation.image, boxesOf: scene).bordered(hits == attended.count ? green : dark)
        .captioned("\(hits) of \(attended.count) peak inside their box"))
    numbers[label] = attended
  }
  rows.append(row)
}

// %% The figure
let grid = Grid(
  rows, rowTitles: pairs.map(\.name), columnTitles: layouts.indices.map { "layout \($0 + 1)" },
  title: "Boxes moved, everything else the same",
  caption:
    "Green edge: every phrase has its greatest text attention inside its own box. Dark edge: at least one has not. "
    + "Prompt, references and noise are the same along a row. " + run.checkpointNote,
  panelWidth: 210)
try run.save(grid, numbers: numbers)
