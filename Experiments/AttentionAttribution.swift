// Is each phrase attended to where its subject's box is? (paper, Fig. 10)
// Scripts/run AttentionAttribution [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% Scenes of one to four subjects, each with its own box
let layouts = [
  [Box(0.25, 0.25, 0.75, 0.75)],
  [Box(0, 0.2, 0.45, 0.8), Box(0.55, 0.2, 1, 0.8)],
  [Box(0, 0.3, 0.3, 0.75), Box(0.35, 0.3, 0.65, 0.75), Box(0.7, 0.3, 1, 0.75)],
  [Box(0, 0, 0.45, 0.45), Box(0.55, 0, 1, 0.45), Box(0, 0.55, 0.45, 1), Box(0.55, 0.55, 1, 1)],
]
let prompts = [
  "a fox on the beach", "a fox and a car on the beach", "a fox, a car and a pumpkin on the beach",
  "a fox, a car, a pumpkin and an owl on the beach",
]
let names = ["fox", "car", "pumpkin", "owl"]

// %% Generate each scene, recording text attention
var rows: [[Panel]] = []
var numbers: [String: [AttendedSubject]] = [:]
for (prompt, boxes) in zip(prompts, layouts) {
  let subjects = try zip(names, boxes).map { try run.subject($0, box: $1) }
  let scene = try run.scene(prompt, subjects)
  let label = "subjects: \(boxes.count)"
  let recorder = AttentionRecorder(.text)
  let generation = try run.generate(scene, observing: recorder, as: label)
  let attended = try recorder.attended(in: generation)

  // One heatmap per phrase over the image, captioned with the fraction of its attention inside the box
  let heatmaps = try attended.map { try Panel($0, over: generation.image).captioned($0.fitCaption) }
  rows.append([Panel(generation.image, boxesOf: scene)] + heatmaps)
  numbers[label] = attended
}

// %% The figure: a row for each number of subjects
let grid = Grid(
  rows, rowTitles: ["1 subject", "2 subjects", "3 subjects", "4 subjects"],
  columnTitles: ["image and layout", "first phrase", "second phrase", "third phrase", "fourth phrase"],
  title: "Where each phrase of the prompt is attended",
  caption:
    "Text attention of each phrase, mean over all cross-attention layers, heads and steps; dark is least, yellow "
    + "greatest. Boxes show the layout that was asked for. " + run.checkpointNote,
  colorBar: ColorBar(label: "attention, least to greatest of each map"))
try run.save(grid, numbers: numbers)
