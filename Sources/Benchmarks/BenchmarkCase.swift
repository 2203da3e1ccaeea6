import Foundation
import Layers
import MSDiffusion
import MSDiffusionKit
import ModelRecipe
import Models
import Tensors
import Training

/// A named benchmark. Its inputs are pictures, texts and random numbers, never zeros.
package enum BenchmarkCase: String, CaseIterable, Sendable {
  case unet512 = "unet-512"
  case unet1024 = "unet-1024"
  case encode
  case vaeDecode = "vae-decode"
  case open
  case smallStep = "small-step"
  case trainingStep = "training-step"
  case recording
  case attention
  case convolution
  case threads

  /// What is timed.
  package var summary: String {
    switch self {
    case .unet512: "a guided step of SDXL with the adapter, 512 × 512 pixels, one subject"
    case .unet1024: "a guided step of SDXL with the adapter, 1024 × 1024 pixels, one subject"
    case .encode: "encoding a scene with four subjects: two text encoders, vision encoder, resampler"
    case .vaeDecode: "decoding an image of 1024 × 1024 pixels"
    case .open: "opening a checkpoint of SDXL's size, until its first step can begin"
    case .smallStep: "a guided step of the bundled model"
    case .trainingStep: "a training step of the bundled U-Net on 16 samples: alone, and in the stage 'base'"
    case .recording: "a guided step of the bundled model, without and with all heatmaps recorded"
    case .attention: "attention of 4096 positions to each other, 2 samples with 10 heads of width 64"
    case .convolution: "a 3 × 3 convolution, 640 to 640 channels, 2 samples of 32 × 32 positions"
    case .threads: "a guided step of the bundled model, on one thread and on all"
    }
  }

  /// Whether the case needs a checkpoint of SDXL's size.
  package var isFullSize: Bool {
    switch self {
    case .unet512, .unet1024, .encode, .vaeDecode, .open: true
    case .smallStep, .trainingStep, .recording, .attention, .convolution, .threads: false
    }
  }

  /// Whether PyTorch can be timed on the same work.
  package var hasPeer: Bool {
    switch self {
    case .open, .recording, .threads: false
    case .unet512, .unet1024, .encode, .vaeDecode, .smallStep, .trainingStep, .attention, .convolution: true
    }
  }

  /// Prepares the work.
  /// - Parameter checkpoint: the folder of a model: one of SDXL's size for a case that needs it, else a small one.
  package func ways(checkpoint: String) throws -> [Benchmark.Way] {
    switch self {
    case .unet512: [try Self.guidedStep(checkpoint, side: 512)]
    case .unet1024: [try Self.guidedStep(checkpoint, side: 1024)]
    case .smallStep: [try Self.guidedStep(checkpoint)]
    case .encode: [try Self.encoding(checkpoint)]
    case .vaeDecode: [try Self.decoding(checkpoint)]
    case .open: [Self.opening(checkpoint)]
    case .trainingStep: try Self.training(checkpoint)
    case .recording:
      [try Self.guidedStep(checkpoint), try Self.guidedStep(checkpoint, name: "recording", records: true)]
    case .threads:
      [try Self.guidedStep(checkpoint), try Self.guidedStep(checkpoint, name: "one thread", usesThreads: false)]
    case .attention: [Self.attention()]
    case .convolution: [Self.convolution()]
    }
  }
}

extension BenchmarkCase {
  private static let name = "this package"

  private static func scene(_ subjects: Int, in pipeline: Pipeline, side: Int?) throws -> Scene {
    let words = ["cat", "cup", "rocket", "fox"].prefix(subjects)
    let all = try words.enumerated().map { index, word in
      let x = Float(index) / 4
      return Subject(
        word, image: try PixelImage(contentsOf: Bundled.reference(word)), box: Box(x, 0.25, x + 0.25, 0.75))
    }
    let side = side ?? pipeline.nativeSize
    var scene = Scene(
      "a cat, a cup, a rocket and a fox on the beach", subjects: all, height: side, width: side, steps: 1000)
    scene.guidanceInterval = Scene.everyNoiseLevel
    return scene
  }

  /// Each round takes one step of a long generation.
  private static func guidedStep(
    _ folder: String, side: Int? = nil, name: String = name, records: Bool = false, usesThreads: Bool = true
  ) throws -> Benchmark.Way {
    let pipeline = try Pipeline(folder)
    let scene = try scene(1, in: pipeline, side: side)
    let recorders = [AttentionRecorder(.text), AttentionRecorder(.subjects)]
    let steps = try pipeline.denoising([scene], observing: records ? recorders : [])
    return Benchmark.Way(name) {
      _ = try usesThreads ? steps.advance() : withoutThreads { try steps.advance() }
    }
  }

  private static func encoding(_ folder: String) throws -> Benchmark.Way {
    let pipeline = try Pipeline(folder)
    let scene = try scene(4, in: pipeline, side: 512)
    return Benchmark.Way(name) { _ = try pipeline.conditions(for: scene) }
  }

  private static func decoding(_ folder: String) throws -> Benchmark.Way {
    let pipeline = try Pipeline(folder)
    var generator = RandomGenerator(seed: 1)
    let latents = generator.normal([1, pipeline.vae.configuration.latentChannels, 128, 128])
    return Benchmark.Way(name) { _ = pipeline.decode(latents) }
  }

  private static func opening(_ folder: String) -> Benchmark.Way {
    Benchmark.Way(timingItself: name) {
      let begun = ContinuousClock.now
      let pipeline = try Pipeline(folder)
      let opened = ContinuousClock.now
      let scene = try scene(1, in: pipeline, side: 512)
      let conditions = try pipeline.conditions(for: scene)
      let encoded = ContinuousClock.now
      _ = try pipeline.denoising([scene], conditions: [conditions])
      return (opened - begun).seconds + (ContinuousClock.now - encoded).seconds
    }
  }

  private static func training(_ folder: String) throws -> [Benchmark.Way] {
    let temporary = WorkingFolder()
    let pipeline = try Pipeline(folder)
    let bare = try Trainer(
      NoiseObjective(
        unet: pipeline.unet, parameters: pipeline.sources[.unet]?.parameters.values.sorted { $0.key < $1.key } ?? []),
      TrainingPlan(steps: 1 << 20, batch: 16, schedule: LearningRateSchedule(peak: 1e-5)),
      folder: URL(fileURLWithPath: temporary.path + "/bare"))
    try StageRun.takeParts(before: .base, into: temporary.path, from: folder)
    let stage = try StageRun(.base, folder: temporary.path, merges: Bundled.merges) { $0.batch = 16 }
    let whole = try stage.trainer()
    return [
      Benchmark.Way(name) { _ = try withExtendedLifetime(temporary) { try bare.takeStep() } },
      Benchmark.Way("stage base") { _ = try whole.takeStep() },
    ]
  }

  private static func attention() -> Benchmark.Way {
    var generator = RandomGenerator(seed: 1)
    let (query, key, value) = (
      generator.normal([2, 4096, 640]), generator.normal([2, 4096, 640]), generator.normal([2, 4096, 640])
    )
    return Benchmark.Way(name) { _ = Tensors.attention(query: query, key: key, value: value, heads: 10) }
  }

  private static func convolution() -> Benchmark.Way {
    var generator = RandomGenerator(seed: 1)
    let (x, weight) = (generator.normal([2, 640, 32, 32]), generator.normal([640, 640, 3, 3]) * 0.01)
    return Benchmark.Way(name) { _ = x.conv2d(weight: weight, bias: nil, padding: 1) }
  }
}

/// The mean squared error of predicted noise, with random latents and texts: a training step's arithmetic alone.
private struct NoiseObjective: TrainingObjective {
  let unet: UNet
  let parameters: [Parameter]

  func loss(samples: Range<Int>, step: Int) throws -> StepLoss {
    var generator = RandomGenerator(seed: UInt64(samples.lowerBound))
    let configuration = unet.configuration
    let shape = [samples.count, configuration.inChannels, configuration.sampleSize, configuration.sampleSize]
    let (latents, noise) = (generator.normal(shape), generator.normal(shape))
    let text = generator.normal([samples.count, 77, configuration.contextWidths[0]])
    let times = samples.map { Float($0 * 37 % 1000) }
    let context = AttentionContext(text, for: unet.crossAttentionLayers)
    return StepLoss((unet(latents, timesteps: times, context: context) - noise).square().mean())
  }
}

/// A folder for one benchmark's files, removed with this object.
private final class WorkingFolder {
  let path = FileManager.default.temporaryDirectory.path + "/benchmark-" + UUID().uuidString

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
