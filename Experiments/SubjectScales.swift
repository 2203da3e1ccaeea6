// How strongly do the references influence the image, jointly and individually? (γ of Eq. 2)
// Scripts/run SubjectScales [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% One scene of two subjects, and its image without their references (γ = 0)
let boxes = [Box(0, 0.2, 0.45, 0.8), Box(0.55, 0.2, 1, 0.8)]
let scene = try run.scene(
  "a fox and a car on the grass", [try run.subject("fox", box: boxes[0]), try run.subject("car", box: boxes[1])])
let base = try run.generate(scene.with { $0.scale = 0 }, as: "γ = 0").image

// %% γ for both subjects
let scales: [Float] = [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2]
let bothScaled = try scales.map { scale in
  try run.generate(scene.with { $0.scale = scale }, as: "γ = \(scale)").image
}

// %% An individual scale for the fox instead of γ, with the car's fixed at 0.6
let foxScaled = try scales.map { scale in
  let rescaled = scene.with { ($0.subjects[0].scale, $0.subjects[1].scale) = (scale, 0.6) }
  return try run.generate(rescaled, as: "fox \(scale)").image
}

// %% The difference of each image from the one with γ = 0, inside each box
let masks = boxes.map { $0.mask(height: base.height, width: base.width) }
func change(_ images: [PixelImage], inBox box: Int) -> [Double] {
  images.map { $0.difference(from: base, inside: masks[box]) }
}
let x = scales.map(Double.init)
let lines = [
  Series("γ: in the fox's box", x: x, y: change(bothScaled, inBox: 0)),
  Series("γ: in the car's box", x: x, y: change(bothScaled, inBox: 1)),
  Series("fox's scale: in its box", x: x, y: change(foxScaled, inBox: 0)),
  Series("fox's scale: in the car's", x: x, y: change(foxScaled, inBox: 1)),
]

// %% The figure
let figure = Stack(
  [
    Grid(
      [bothScaled.map { Panel($0, boxesOf: scene) }, foxScaled.map { Panel($0, boxesOf: scene) }],
      rowTitles: ["γ for both", "fox’s scale"], columnTitles: scales.map { "scale \($0)" }, panelWidth: 140),
    LineChart(
      lines, xLabel: "scale", yLabel: "change, grey levels (root mean square)", width: 1120, height: 360),
  ], title: "The scale of subjects: γ for all, or one for each",
  caption:
    "Upper row: γ of Eq. 2 for both subjects. Lower row: a scale for the fox alone; the car’s stays at 0.6. Chart: the "
    + "difference from the image with γ = 0, over the pixels of each box. " + run.checkpointNote)
try run.save(figure, numbers: ["scale": x].merging(lines.map { ($0.name, $0.y) }) { own, _ in own })
