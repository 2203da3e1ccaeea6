import Tensors

/// Drops conditions from some samples, so that the network also learns to predict without these conditions.
public struct ConditionDropping: Sendable, Equatable {
  /// Fractions of samples that lack only subject images, only text, and both.
  public var image, text, both: Float
  /// Fraction of samples whose phrases and boxes are withheld from the projector, chosen independently of the other
  /// three fractions.
  public var grounding: Float

  /// The published fractions.
  public static let published = ConditionDropping(image: 0.05, text: 0.05, both: 0.05, grounding: 0.1)
  public static let none = ConditionDropping(image: 0, text: 0, both: 0, grounding: 0)

  public init(image: Float, text: Float, both: Float, grounding: Float) {
    (self.image, self.text, self.both, self.grounding) = (image, text, both, grounding)
  }

  /// The conditions that one sample is trained without.
  public struct Dropped: Sendable, Equatable {
    /// Whether zeros replace the subjects' images; boxes and phrases stay.
    public let image: Bool
    /// Whether the empty prompt replaces the caption; then no phrase has tokens.
    public let text: Bool
    /// Whether learned queries replace the queries that are made from phrases and boxes.
    public let grounding: Bool
  }

  /// Chooses at random what to drop from a sample. The choice depends only on the sample's index and the seed.
  public func dropped(sample: Int, seed: UInt64) -> Dropped {
    var generator = CounterGenerator(seed: seed, sample: sample, stream: Self.stream)
    let (choice, groundingChoice) = (generator.uniform(), generator.uniform())
    let isBoth = choice >= image + text && choice < image + text + both
    return Dropped(
      image: choice < image || isBoth, text: (choice >= image && choice < image + text) || isBoth,
      grounding: groundingChoice < grounding)
  }

  /// Differs from the streams that objectives use for noise and timesteps, which count from 0.
  private static let stream: UInt32 = 0xd509
}
