import Tensors

/// Which conditions a sample is trained without, so that the network also knows what it does without them.
public struct ConditionDropping: Sendable, Equatable {
  /// Fractions of samples without their subject images, without their text, and without both; they exclude each other.
  public var image, text, both: Float
  /// Fraction of samples whose phrases and boxes do not come to the resampler; drawn independently.
  public var grounding: Float

  /// The published fractions.
  public static let published = ConditionDropping(image: 0.05, text: 0.05, both: 0.05, grounding: 0.1)
  public static let none = ConditionDropping(image: 0, text: 0, both: 0, grounding: 0)

  public init(image: Float, text: Float, both: Float, grounding: Float) {
    (self.image, self.text, self.both, self.grounding) = (image, text, both, grounding)
  }

  /// What one sample goes without.
  public struct Dropped: Sendable, Equatable {
    /// Zeros take the subjects' place before the image encoder; boxes and phrases stay.
    public let image: Bool
    /// The empty prompt takes the prompt's place, and no phrase is in it any more.
    public let text: Bool
    /// Learned queries take the place of those made from phrases and boxes.
    public let grounding: Bool
  }

  /// Draws for a sample.
  public func dropped(sample: Int, seed: UInt64) -> Dropped {
    var generator = CounterGenerator(seed: seed, sample: sample, stream: Self.stream)
    let (choice, groundingChoice) = (generator.uniform(), generator.uniform())
    let isBoth = choice >= image + text && choice < image + text + both
    return Dropped(
      image: choice < image || isBoth, text: (choice >= image && choice < image + text) || isBoth,
      grounding: groundingChoice < grounding)
  }

  /// Apart from the streams that objectives use for noise and timesteps, which count from 0.
  private static let stream: UInt32 = 0xd509
}
