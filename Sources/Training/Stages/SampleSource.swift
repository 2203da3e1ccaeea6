import Checkpoints
import TrainingData

/// Where the samples of a training come from.
public enum SampleSource: Sendable {
  /// Scenes of emoji, drawn as they are needed: no two are the same.
  case world(EmojiWorld)
  /// One's own data; which sample comes when is drawn from the seed.
  case folder(SampleFolder)

  /// - Parameters:
  ///   - number: counted through the whole training.
  ///   - size: Pixels a side of image and references.
  /// - Throws: `TrainingDataError` or `ImageError` where a folder's images cannot be used.
  func sample(_ number: Int, seed: UInt64, size: Int) throws -> TrainingSample {
    switch self {
    case .world(let world): return world.sample(number, seed: seed, size: size, referenceSize: size)
    case .folder(let folder):
      var generator = CounterGenerator(seed: seed, sample: number, stream: 5)
      return try folder.sample(generator.integer(below: folder.count), size: size, referenceSize: size)
    }
  }

  /// SHA-256 of a folder's list; nil for drawn scenes, which the seed tells.
  var hash: String? {
    guard case .folder(let folder) = self else { return nil }
    return SHA256.hash(of: folder.list)
  }

  /// Scenes that training never sees; nil for one's own data, of which nothing is held out.
  func heldOut(_ number: Int, seed: UInt64, size: Int) -> TrainingSample? {
    guard case .world(let world) = self else { return nil }
    return world.sample(number, seed: seed, split: .heldOutIdentities, size: size, referenceSize: size)
  }
}
