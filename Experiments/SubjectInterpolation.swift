// What lies between two subjects? (paper, Fig. 19)
// Scripts/run SubjectInterpolation [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()
let pipeline = try run.pipeline()

// %% Two places, each on its way from one subject to another
let left = Box(0, 0.2, 0.48, 0.8)
let right = Box(0.52, 0.2, 1, 0.8)
let prompt = "a thing and a thing on the beach"
func scene(_ first: String, _ second: String) throws -> Scene {
  try run.scene(
    prompt,
    [try run.subject(first, phrase: "thing", box: left), try run.subject(second, phrase: "thing", box: right)],
    steps: 20)
}
let start = try scene("fox", "pumpkin")
let end = try scene("lion", "gift")
let (a, b) = (try pipeline.conditions(for: start), try pipeline.conditions(for: end))

// %% Interpolate the image encoder's states: down for the left place, across for the right one
let shares = [0, 0.25, 0.5, 0.75, 1]
var images: [[PixelImage]] = []
for down in shares {
  let halfway = try pipeline.blended(a, b, .imageFeatures, subject: 0, scene: start) {
    Interpolation.sphericalRows($0, $1, at: down)
  }
  images.append(
    try shares.map { across in
      let conditions = try pipeline.blended(halfway, b, .imageFeatures, subject: 1, scene: start) {
        Interpolation.sphericalRows($0, $1, at: across)
      }
      return try run.generate(start, conditions: conditions, as: "down \(down), across \(across)").image
    })
}

// %% The figure: references at the ends, and how far each image is from the first
let distances = images.map { row in row.map { $0.difference(from: images[0][0]) } }
let across: [Panel?] = [nil, Panel(start.subjects[1].image), nil, nil, nil, Panel(end.subjects[1].image)]
let down: [Panel?] = [Panel(start.subjects[0].image), nil, nil, nil, Panel(end.subjects[0].image)]
let rows = images.indices.map { row in
  [down[row]]
    + images[row].indices.map { column in
      Panel(images[row][column]).captioned("\(decimal(Float(distances[row][column]), 1)) from the first")
    }
}
let grid = Grid(
  [across] + rows,
  rowTitles: [""] + shares.map { $0 == 0 ? "fox" : $0 == 1 ? "lion" : "\(percent($0)) to lion" },
  columnTitles: [""] + shares.map { $0 == 0 ? "pumpkin" : $0 == 1 ? "gift" : "\(percent($0)) to gift" },
  title: "Between two subjects, in two places at once",
  caption:
    "The image encoder’s states of the left subject go from fox to lion (down), those of the right one from pumpkin "
    + "to gift (across), token by token along great circles; prompt, boxes and noise stay. Numbers: root mean square "
    + "difference from the first image in grey levels. " + run.checkpointNote,
  panelWidth: 150)
try run.save(
  grid,
  numbers: .object([
    ("to", end.json()), ("shares", .array(shares.map { .double($0) })),
    ("difference_from_first", .array(distances.map { .array($0.map { .double($0) }) })),
  ]))
