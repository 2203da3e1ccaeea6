import Analysis
import Checkpoints
import Images
import JSON
import MSDiffusion
import Tensors
import TrainingData

// Axes: H and W are the height and width of an image.

/// Measures whether generated subjects are recognised, and whether they land in their boxes.
struct GenerationMeasure {
  let pipeline: Pipeline
  let settings: GenerationSettings
  let recognition: Recognition
  /// Layout options for generating.
  var layout = LayoutOptions()
  /// Whether to measure how subjects land in their boxes.
  var landing = false
  /// Whether to measure the judge's greatest likeness between any part of the image and each identity.
  var anywhere = false

  /// Generates and measures one image per scene.
  /// - Returns: one row per scene.
  func rows(_ scenes: [TestScene]) throws -> [GenerationRow] {
    let generations = try pipeline.generate(requests(scenes))
    let empty = landing ? try pipeline.generate(scenes.map { $0.emptyRequest(settings) }) : []
    let encoders = OwnEncoders(pipeline: pipeline)
    return scenes.enumerated().map { index, scene in
      let image = generations[index].firstImage
      var row = GenerationRow(scene: scene.index, subjects: recognition.subjects(of: image, scene))
      if landing {
        let difference = Difference(image, empty[index].firstImage)
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
        encoders.imageLikeness(generations[index].image.cropped(to: subject.box), PixelImage(subject.reference))
      }
      row.textCosine = encoders.textLikeness(generations[index].image, scene.sample.caption)
      return row
    }
  }

  func requests(_ scenes: [TestScene]) -> [Scene] {
    scenes.map { scene in scene.request(settings).with { $0.layout = layout } }
  }
}

extension Generation {
  /// The first of the generated images, `[3, H, W]`, 0…1.
  var firstImage: Tensor {
    (decoded.sliced(axis: 0, 0..<1).reshaped(Array(decoded.shape.dropFirst())) / 2 + 0.5).clamped(to: 0...1)
  }
}

/// The difference between an image and an image of the same scene without subjects.
package struct Difference {
  /// The mean absolute difference over channels, set to 0 where it is not above Otsu's threshold, `[H, W]`.
  private let difference: Tensor

  /// Compares two images `[3, H, W]`.
  package init(_ image: Tensor, _ empty: Tensor) {
    let absolute = (image - empty).abs().mean(axes: [0])
    let limit = absolute.otsuThreshold()
    difference = Tensor(absolute.values.map { $0 > limit ? $0 : 0 }, shape: absolute.shape)
  }

  /// Whether the centroid of the difference lies in a box.
  package func isCentred(in box: Box) -> Bool { Self.hasCentroid(difference, in: box) }

  /// Whether the centroid of the difference's largest connected part lies in a box.
  package func largestIsCentred(in box: Box) -> Bool {
    Self.hasCentroid(difference * difference.largestPart(), in: box)
  }

  private static func hasCentroid(_ map: Tensor, in box: Box) -> Bool {
    centroid(of: map).map { box.contains(Float($0.x), Float($0.y)) } ?? false
  }
}

extension Box {
  /// Whether the point (x, y), in fractions of the image, lies in the box or on its edge.
  func contains(_ x: Float, _ y: Float) -> Bool { x >= x0 && x <= x1 && y >= y0 && y <= y1 }
}

extension PixelImage {
  /// The part of the image in a box; the whole image if the box covers no pixel.
  func cropped(to box: Box) -> PixelImage {
    let cells = box.cells(height: height, width: width)
    guard !cells.isEmpty else { return self }
    return cropped(
      x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
  }
}

extension Evaluator {
  /// Measures generated scenes of one subject: whether the judge recognises the subject, and whether it lands in its
  /// box.
  /// - Throws: ``EvaluationError/missingPart(folder:part:measure:)`` if the model has no adapter; what the pipeline
  ///   throws.
  public func subjects(
    _ pipeline: Pipeline, _ scenes: TestScenes, count: Int, settings: GenerationSettings
  ) throws -> [GenerationRow] {
    try generated("subject", pipeline, scenes, count: count, settings: settings) { $0.landing = true }
  }

  /// Measures generated scenes of two subjects: whether the judge recognises each of them.
  /// - Parameters:
  ///   - layout: layout options for generating.
  ///   - anywhere: whether to measure also the greatest likeness between any part of the image and each identity.
  ///   - label: suffix of the measure's name, which is also the name of the file with its rows.
  /// - Throws: ``EvaluationError/missingPart(folder:part:measure:)`` if the model has no adapter; what the pipeline
  ///   throws.
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
    _ configure: (inout GenerationMeasure) -> Void
  ) throws -> [GenerationRow] {
    guard pipeline.adapter != nil else {
      throw EvaluationError.missingPart(
        folder: pipeline.folder, part: ModelPart.adapter.description, measure: "the likeness of generated subjects")
    }
    var measure = GenerationMeasure(pipeline: pipeline, settings: settings, recognition: Recognition(judge: judge))
    configure(&measure)
    let configured = measure
    return try rows(
      name, settings: settings.json(pipeline), scenes: scenes, count: count, batch: settings.batch
    ) { try configured.rows($0) }
  }
}

extension GenerationSettings {
  /// The model and the settings that a measure's rows depend on; stored with the rows to detect stale ones.
  func json(_ pipeline: Pipeline) -> JSONValue {
    .object([("model", .string(pipeline.hash())), ("settings", json)])
  }
}
