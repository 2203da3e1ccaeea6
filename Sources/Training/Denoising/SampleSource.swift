import Models
import Tensors
import TrainingData

/// A source of training samples.
public protocol SampleSource: Sendable {
  /// One sample. It depends only on the source and on the arguments.
  /// - Parameters:
  ///   - index: index of the sample in the whole training run, counted from 0.
  ///   - seed: the training run's seed.
  ///   - size: pixels per side of the image.
  ///   - referenceSize: pixels per side of the references.
  func sample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample

  /// A sample that training never sees; nil if the source holds nothing out.
  func heldOutSample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample?

  /// The phrases that are past the text encoder's token limit in their captions; empty if there are none.
  func truncatedPhrases(by finder: PhraseFinder) throws -> [TruncatedPhrase]

  /// One line per pair of phrases that share words of their caption, with file and line; empty if there are none.
  func overlappingPhrases(by finder: PhraseFinder) -> [String]
}

/// A phrase that is past the text encoder's token limit in its caption; its subject is trained without a phrase.
public struct TruncatedPhrase: Sendable, Equatable, CustomStringConvertible {
  /// File, line and field of the phrase.
  public let location: String
  /// The phrase, its tokens and the limit.
  public let reason: PhraseError

  public var description: String { "\(location): \(reason); its subject is trained without a phrase" }
}

/// Samples of a data folder, drawn at random with replacement. The seed determines which samples are drawn.
public struct FolderSamples: SampleSource {
  private let folder: SampleFolder

  public init(_ folder: SampleFolder) { self.folder = folder }

  /// - Throws: `TrainingDataError` or `ImageError` if an image of the sample cannot be used.
  public func sample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample {
    var generator = CounterGenerator(seed: seed, sample: index, stream: 5)
    return try folder.sample(generator.integer(below: folder.count), size: size, referenceSize: referenceSize)
  }

  /// nil: nothing is held out.
  public func heldOutSample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample? { nil }

  public func overlappingPhrases(by finder: PhraseFinder) -> [String] {
    folder.captions.flatMap { caption in
      finder.overlaps(of: caption.phrases, in: caption.text).map { "\(caption.location): \($0)" }
    }
  }

  /// - Throws: `PhraseError.absent` if a caption does not contain a phrase; such a folder cannot be opened.
  public func truncatedPhrases(by finder: PhraseFinder) throws -> [TruncatedPhrase] {
    try folder.captions.flatMap { caption in
      try finder.spans(of: caption.phrases, in: caption.text).enumerated().compactMap { index, found in
        switch found {
        case .success: return nil
        case .failure(let error):
          guard case .beyondEnd = error else { throw error }
          return TruncatedPhrase(location: "\(caption.location), subjects[\(index)].phrase", reason: error)
        }
      }
    }
  }
}
