import Models
import Training
import TrainingData

/// Scenes of emoji, drawn as they are needed: no two are the same.
struct DrawnScenes: SampleSource {
  let world: EmojiWorld

  func sample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample {
    world.sample(number, seed: seed, size: size, referenceSize: referenceSize)
  }

  /// Held-out identities.
  func heldOutSample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample? {
    world.sample(number, seed: seed, split: .heldOutIdentities, size: size, referenceSize: referenceSize)
  }

  /// The seed is enough.
  var hash: String? { nil }

  /// Drawn captions are short.
  func unseenPhrases(by finder: PhraseFinder) -> [UnseenPhrase] { [] }
}
