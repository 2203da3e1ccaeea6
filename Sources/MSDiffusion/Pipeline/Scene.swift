import Analysis
import Images
import Models
import Tensors

/// One thing to put into an image: what it looks like, what the prompt calls it, and where it belongs.
public struct Subject: Sendable {
  /// The reference image.
  public var image: PixelImage
  /// White where the subject is on the reference image, of the same size; the rest becomes black. Recommended: a
  /// reference's background leaks into the result.
  public var mask: PixelImage?
  /// The part of the reference image to use.
  public var crop: Box?
  /// The words of the prompt that mean this subject.
  public var phrase: String
  /// Where in the generated image; `.none`: not laid out.
  public var box: Box
  /// How strongly this subject is drawn, in place of the scene's scale. Give it to all subjects or to none.
  public var scale: Float?

  public init(
    _ phrase: String, image: PixelImage, box: Box = .none, mask: PixelImage? = nil, crop: Box? = nil,
    scale: Float? = nil
  ) {
    (self.phrase, self.image, self.box, self.mask, self.crop, self.scale) = (phrase, image, box, mask, crop, scale)
  }

  /// The same subject elsewhere.
  public func at(_ box: Box) -> Subject {
    var subject = self
    subject.box = box
    return subject
  }

  /// The reference as the image encoder is to see it: background black where there is a mask, then cropped.
  public var reference: PixelImage {
    let masked = mask.map { image.masked(by: $0) } ?? image
    guard let crop else { return masked }
    let cells = crop.cells(height: masked.height, width: masked.width)
    return masked.cropped(
      x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
  }
}

/// A request: everything that one generation depends on.
public struct Scene: Sendable {
  public var prompt: String
  /// nil: zeros in place of the negative text, where the checkpoint's configuration says so; otherwise an empty prompt.
  public var negativePrompt: String?
  public var subjects: [Subject]
  /// Size in pixels, multiples of the model's factor; nil: the size the model was trained on.
  public var height: Int?
  public var width: Int?
  public var steps: Int
  /// Classifier-free guidance; 1 or less: none, and no unconditional half is computed.
  public var guidance: Float
  /// Noise levels σ at which guidance acts (Kynkäänniemi et al. 2024, “Applying guidance in a limited interval improves
  /// sample and distribution quality in diffusion models”); all of them as published.
  public var guidanceInterval: ClosedRange<Float>
  /// nil: the checkpoint's own.
  public var scheduler: SchedulerKind?
  public var seed: UInt64
  /// Starting noise of unit deviation, `[samples, C, h, w]`, in place of the seed's; `NumPyFile` reads one.
  public var initialNoise: Tensor?
  /// How many images.
  public var samples: Int
  /// γ of Eq. 2: how strongly subjects are drawn. 0.6 as published; 0.4 for subjects that fill the image.
  public var scale: Float
  /// Whether the learned queries replace phrases and boxes in the resampler.
  public var dropsGrounding: Bool
  /// How subjects are kept apart.
  public var layout: LayoutOptions
  /// Whether phrases are found as the published implementation finds them, which counts later equal phrases too early.
  public var findsPhrasesAsPublished: Bool

  /// From 0 to infinity.
  public static let everyNoiseLevel: ClosedRange<Float> = 0 ... .infinity
  /// The prompt that published examples put before their own words.
  public static let qualityPrompt = "best quality, high quality"
  public static let defaultNegativePrompt = "monochrome, lowres, bad anatomy, worst quality, low quality"

  public init(
    _ prompt: String, subjects: [Subject] = [], negativePrompt: String? = Scene.defaultNegativePrompt,
    height: Int? = nil, width: Int? = nil, steps: Int = 30, guidance: Float = 7.5,
    guidanceInterval: ClosedRange<Float> = Scene.everyNoiseLevel, scheduler: SchedulerKind? = nil, seed: UInt64 = 0,
    initialNoise: Tensor? = nil, samples: Int = 1, scale: Float = 0.6, pseudoLayout: PseudoLayout? = nil,
    dropsGrounding: Bool = false
  ) {
    (self.prompt, self.subjects, self.negativePrompt) = (prompt, subjects, negativePrompt)
    (self.height, self.width, self.steps, self.guidance) = (height, width, steps, guidance)
    self.guidanceInterval = guidanceInterval
    (self.scheduler, self.seed, self.initialNoise, self.samples) = (scheduler, seed, initialNoise, samples)
    (self.scale, self.dropsGrounding, findsPhrasesAsPublished) = (scale, dropsGrounding, false)
    layout = LayoutOptions()
    layout.pseudoLayout = pseudoLayout
  }

  public var phrases: [String] { subjects.map(\.phrase) }

  /// The same scene with some of it changed.
  public func with(_ change: (inout Scene) -> Void) -> Scene {
    var scene = self
    change(&scene)
    return scene
  }

  /// Checks what needs no model.
  /// - Throws: `PipelineError`, `AnalysisError.invalidBox`.
  func check(factor: Int, height: Int, width: Int) throws {
    for (index, subject) in subjects.enumerated() {
      _ = try subject.box.validated(as: "box of subject \(index + 1), '\(subject.phrase)'")
      _ = try subject.crop?.validated(as: "crop of subject \(index + 1), '\(subject.phrase)'")
      if let mask = subject.mask, (mask.width, mask.height) != (subject.image.width, subject.image.height) {
        throw PipelineError.invalid(
          "mask of subject \(index + 1)", found: "\(mask.width)×\(mask.height)",
          expected: "the size of its image, \(subject.image.width)×\(subject.image.height)")
      }
      if let scale = subject.scale, !scale.isFinite {
        throw PipelineError.invalid("scale of subject \(index + 1)", found: "\(scale)", expected: "a finite number")
      }
    }
    if subjects.contains(where: { $0.scale != nil }), let without = subjects.firstIndex(where: { $0.scale == nil }) {
      throw PipelineError.invalid(
        "scales", found: "none for subject \(without + 1)", expected: "a scale for every subject, or for none")
    }
    for (name, side) in [("height", height), ("width", width)] where side < factor || side % factor != 0 || side > 16384
    {
      throw PipelineError.invalid(name, found: "\(side)", expected: "a multiple of \(factor), at most 16384")
    }
    for (name, number) in [("steps", steps), ("samples", samples)] where !(1...10000).contains(number) {
      throw PipelineError.invalid(name, found: "\(number)", expected: "a whole number from 1 to 10000")
    }
    for (name, number) in [("guidance", guidance), ("scale", scale)] where !number.isFinite {
      throw PipelineError.invalid(name, found: "\(number)", expected: "a finite number")
    }
  }
}

/// What can be wrong with a request or a pipeline's folder.
public enum PipelineError: Error, Equatable, CustomStringConvertible {
  case invalid(_ option: String, found: String, expected: String)
  case missingPart(folder: String, part: String, needed: String)
  case mixedBatch(option: String, values: [String])
  case notFinite(place: String)
  case incompatible(_ first: String, _ second: String, detail: String)

  public var description: String {
    switch self {
    case .invalid(let option, let found, let expected): "\(option) is \(found), expected \(expected)"
    case .missingPart(let folder, let part, let needed): "\(folder): \(part) is missing; \(needed)"
    case .mixedBatch(let option, let values):
      "scenes of one batch share their \(option); found \(values.joined(separator: ", ")). Generate them one by one"
    case .notFinite(let place): "\(place) is not finite (NaN or infinity); check the checkpoint and the scales"
    case .incompatible(let first, let second, let detail): "\(first) and \(second) do not fit together: \(detail)"
    }
  }
}
