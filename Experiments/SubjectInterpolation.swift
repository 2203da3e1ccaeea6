// What lies between two subjects? (paper, Fig. 19)
// Scripts/run SubjectInterpolation [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()
let pipeline = try run.pipeline()

// %% Two scenes that differ only in their references: the prompt just says “thing”, to favour neither scene
func makeScene(_ leftName: String, _ rightName: String) throws -> Scene {
  let left = try run.subject(leftName, phrase: "thing", box: Box(0, 0.2, 0.48, 0.8))
  let right = try run.subject(rightName, phrase: "thing", box: Box(0.52, 0.2, 1, 0.8))
  return try run.scene("a thing and a thing on the beach", [left, right], steps: 20)
}
let (start, end) = (try makeScene("fox", "pumpkin"), try makeScene("lion", "gift"))
let (startConditions, endConditions) = (try pipeline.conditions(for: start), try pipeline.conditions(for: end))

// %% Interpolate the image encoder's features: the left subject's row by row, the right one's column by column
func towardEnd(_ conditions: Conditions, subject: Int, by fraction: Double) throws -> Conditions {
  try pipeline.blended(conditions, with: endConditions, in: .imageFeatures, ofSubject: subject, scene: start) {
    Interpolation.sphericalRows($0, $1, at: fraction)
  }
}
let fractions = [0, 0.25, 0.5, 0.75, 1]
let images = try fractions.map { down in
  let leftMoved = try towardEnd(startConditions, subject: 0, by: down)
  return try fractions.map { across in
    let conditions = try towardEnd(leftMoved, subject: 1, by: across)
    return try run.generate(start, conditions: conditions, as: "down \(down), across \(across)").image
  }
}

// %% The figure: references at the ends, and each image's difference from the first one
let distances = images.map { row in row.map { $0.difference(from: images[0][0]) } }
func edge(_ subject: Int) -> [Panel?] {
  [Panel(start.subjects[subject].image), nil, nil, nil, Panel(end.subjects[subject].image)]
}
let rows = fractions.indices.map { index in
  [edge(0)[index]]
    + zip(images[index], distances[index]).map { Panel($0).captioned("\(decimal(Float($1), 1)) from the first") }
}
let grid = Grid(
  [[nil] + edge(1)] + rows, rowTitles: ["", "fox", "25 % to lion", "50 % to lion", "75 % to lion", "lion"],
  columnTitles: ["", "pumpkin", "25 % to gift", "50 % to gift", "75 % to gift", "gift"],
  title: "Interpolation of the left subject (fox to lion) and of the right one (pumpkin to gift)",
  caption:
    "The image encoder’s features of the left subject go from fox to lion (down), those of the right one from pumpkin "
    + "to gift (across), token by token along great circles; prompt, boxes and noise stay the same. Numbers: root mean "
    + "square difference from the first image, in grey levels. " + run.checkpointNote,
  panelWidth: 150)
try run.save(grid, numbers: ["end_scene": end.json(), "difference_from_first": JSONValue(encoding: distances)])
