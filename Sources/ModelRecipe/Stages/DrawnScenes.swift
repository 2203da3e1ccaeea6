import Models
import Training
import TrainingData

/// Emoji scenes, drawn when needed; no two are the same.
struct DrawnScenes: SampleSource {
  let world: EmojiWorld

  func sample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample {
    world.sample(number, seed: seed, size: size, referenceSize: referenceSize)
  }

  /// A scene of held-out identities.
  func heldOutSample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample? {
    world.sample(number, seed: seed, split: .heldOutIdentities, size: size, referenceSize: referenceSize)
  }

  /// Nil: the seed alone decides the samples.
  var hash: String? { nil }

  /// Empty: captions of drawn scenes are short enough for the text encoder.
  func unseenPhrases(by finder: PhraseFinder) -> [UnseenPhrase] { [] }
}
