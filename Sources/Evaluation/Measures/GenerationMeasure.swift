import Analysis
import Checkpoints
import Images
import JSON
import MSDiffusion
import Tensors
import TrainingData

// Axes: H and W of an image.

/// What generated subjects look like and where they land.
struct GenerationMeasure {
  let pipeline: Pipeline
  let settings: GenerationSettings
  let recognition: Recognition
  /// How subjects are kept apart.
  var layout = LayoutOptions()
  /// Whether to measure if subjects land in their boxes, and their likeness anywhere in the image.
  var landing = false, anywhere = false

  /// One row per scene.
  func rows(_ scenes: [TestScene]) throws -> [GenerationRow] {
    let generations = try pipeline.generate(requests(scenes))
    let empty = landing ? try pipeline.generate(scenes.map { $0.emptyRequest(settings) }) : []
    let own = OwnEncoders(pipeline: pipeline)
    return scenes.enumerated().map { index, scene in
      let image = generations[index].shown
      var row = GenerationRow(scene: scene.index, subjects: recognition.subjects(of: image, scene))
      if landing {
        let difference = Difference(image, empty[index].shown)
        row.landings = scene.sample.subjects.map { subject in
          GenerationRow.Landing(
            isInBox: difference.isCentred(in: subject.box),
            largestIsInBox: difference.largestIsCentred(in: subject.box),
            boxArea: Double(subject.box.area), boxHoldsCentre: subject.box.contains(0.5, 0.5))
        }
      }
      if anywhere {
        row.anywhere = scene.identities.map { recognition.judge.likenessAnywhere(in: image, to: $0) }
      }
      row.imageCosines = scene.sample.subjects.compactMap { subject in
        own.imageLikeness(generations[index].image.cropped(to: subject.box), PixelImage(subject.reference))
      }
      row.textCosine = own.textLikeness(generations[index].image, scene.sample.caption)
      return row
    }
  }

  func requests(_ scenes: [TestScene]) -> [Scene] {
    scenes.map { scene in scene.request(settings).with { $0.layout = layout } }
  }
}

extension Generation {
  /// The first image, `[3, H, W]`, 0…1.
  var shown: Tensor {
    (decoded.sliced(axis: 0, 0..<1).reshaped(Array(decoded.shape.dropFirst())) / 2 + 0.5).clamped(to: 0...1)
  }
}

/// Where an image differs from the same scene without its subject.
package struct Difference {
  /// The difference where it is above Otsu's threshold, 0 elsewhere, `[H, W]`.
  private let difference: Tensor

  /// Takes two images `[3, H, W]`.
  package init(_ image: Tensor, _ empty: Tensor) {
    let absolute = (image - empty).abs().mean(axes: [0])
    let limit = absolute.otsuThreshold()
    difference = Tensor(absolute.values.map { $0 > limit ? $0 : 0 }, shape: absolute.shape)
  }

  /// Whether the centroid of the difference lies in a box.
  package func isCentred(in box: Box) -> Bool { Self.middle(difference, in: box) }

  /// Whether the centroid of its largest connected part lies in a box.
  package func largestIsCentred(in box: Box) -> Bool { Self.middle(difference * difference.largestPart(), in: box) }

  private static func middle(_ map: Tensor, in box: Box) -> Bool {
    centroid(of: map).map { box.contains(Float($0.x), Float($0.y)) } ?? false
  }
}

extension Box {
  func contains(_ x: Float, _ y: Float) -> Bool { x >= x0 && x <= x1 && y >= y0 && y <= y1 }
}

extension PixelImage {
  /// The pixels in a box; the whole image if there are none.
  func cropped(to box: Box) -> PixelImage {
    let cells = box.cells(height: height, width: width)
    guard !cells.isEmpty else { return self }
    return cropped(
      x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
  }
}

extension Evaluator {
  /// One subject per scene: whether it is recognised, and whether it lands in its box.
  public func subjects(
    _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings
  ) throws -> [GenerationRow] {
    try generated("subject", pipeline, scenes, count: count, settings: settings) { $0.landing = true }
  }

  /// Two subjects per scene: whether both are recognised as their own.
  public func pairs(
    _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings,
    layout: LayoutOptions = .init(), anywhere: Bool = false, label: String = ""
  ) throws -> [GenerationRow] {
    try generated("pair" + label, pipeline, scenes, count: count, settings: settings) { measure in
      (measure.layout, measure.anywhere) = (layout, anywhere)
    }
  }

  private func generated(
    _ name: String, _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings,
    _ change: (inout GenerationMeasure) -> Void
  ) throws -> [GenerationRow] {
    guard pipeline.adapter != nil else {
      throw EvaluationError.missingPart(
        folder: pipeline.folder, part: ModelPart.adapter.description, measure: "what generated subjects look like")
    }
    var measure = GenerationMeasure(pipeline: pipeline, settings: settings, recognition: Recognition(judge: judge))
    change(&measure)
    let changed = measure
    return try rows(
      name, settings: settings.json(pipeline), scenes: scenes, count: count, batch: settings.batch
    ) { try changed.rows($0) }
  }
}

extension GenerationSettings {
  /// What the rows of a measure depend on.
  func json(_ pipeline: Pipeline) -> JSONValue {
    .object([("model", .string(pipeline.hash())), ("settings", json)])
  }
}
