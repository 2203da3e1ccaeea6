// What lies between two subjects? (paper, Fig. 19)
// Scripts/run SubjectInterpolation [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()
let pipeline = try run.pipeline()

// %% Two places, each on its way from one subject to another
func scene(_ first: String, _ second: String) throws -> Scene {
  let left = try run.subject(first, phrase: "thing", box: Box(0, 0.2, 0.48, 0.8))
  let right = try run.subject(second, phrase: "thing", box: Box(0.52, 0.2, 1, 0.8))
  return try run.scene("a thing and a thing on the beach", [left, right], steps: 20)
}
let (start, end) = (try scene("fox", "pumpkin"), try scene("lion", "gift"))
let (a, b) = (try pipeline.conditions(for: start), try pipeline.conditions(for: end))

// %% Interpolate the image encoder's states: down for the left place, across for the right one
func moved(_ from: Conditions, subject: Int, _ share: Double) throws -> Conditions {
  try pipeline.blended(from, b, .imageFeatures, subject: subject, scene: start) {
    Interpolation.sphericalRows($0, $1, at: share)
  }
}
let shares = [0, 0.25, 0.5, 0.75, 1]
let images = try shares.map { down in
  let halfway = try moved(a, subject: 0, down)
  return try shares.map { across in
    let conditions = try moved(halfway, subject: 1, across)
    return try run.generate(start, conditions: conditions, as: "down \(down), across \(across)").image
  }
}

// %% The figure: references at the ends, and how far each image is from the first
let distances = images.map { row in row.map { $0.difference(from: images[0][0]) } }
let across: [Panel?] = [nil, Panel(start.subjects[1].image), nil, nil, nil, Panel(end.subjects[1].image)]
let down: [Panel?] = [Panel(start.subjects[0].image), nil, nil, nil, Panel(end.subjects[0].image)]
let rows = zip(down, zip(images, distances)).map { reference, row in
  [reference] + zip(row.0, row.1).map { Panel($0).captioned("\(decimal(Float($1), 1)) from the first") }
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
let distance = ("difference_from_first", try JSONValue(encoding: distances))
try run.save(grid, numbers: .object([("to", end.json()), ("shares", try JSONValue(encoding: shares)), distance]))
