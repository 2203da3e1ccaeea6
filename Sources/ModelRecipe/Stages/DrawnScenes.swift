import Models
import Training
import TrainingData

/// Emoji scenes, which are drawn at the time they are needed.
struct DrawnScenes: SampleSource {
  let world: EmojiWorld

  func sample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample {
    world.sample(index, seed: seed, size: size, referenceSize: referenceSize)
  }

  /// A scene with held-out identities.
  func heldOutSample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample? {
    world.sample(index, seed: seed, split: .heldOutIdentities, size: size, referenceSize: referenceSize)
  }

  /// Empty: captions of drawn scenes are short enough for the text encoder.
  func truncatedPhrases(by finder: PhraseFinder) -> [TruncatedPhrase] { [] }

  /// Empty: no kind's name is part of another kind's name.
  func overlappingPhrases(by finder: PhraseFinder) -> [String] { [] }
}
