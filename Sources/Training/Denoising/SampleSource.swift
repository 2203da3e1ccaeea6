import Checkpoints
import Models
import Tensors
import TrainingData

/// A source of training samples.
public protocol SampleSource: Sendable {
  /// One sample. For a given source, determined by the arguments alone.
  /// - Parameters:
  ///   - index: 0-based index of the sample over the whole training run.
  ///   - seed: the training run's seed.
  ///   - size: pixels per side of the image.
  ///   - referenceSize: pixels per side of the references.
  func sample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample

  /// A sample that training never sees; nil if nothing is held out.
  func heldOutSample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample?

  /// Hash of the data that samples come from; nil if they depend only on the seed.
  var contentHash: String? { get }

  /// Phrases past the text encoder's token limit in their captions.
  func truncatedPhrases(by finder: PhraseFinder) throws -> [TruncatedPhrase]
}

/// A phrase past the text encoder's token limit in its caption; its subject is trained without a phrase.
public struct TruncatedPhrase: Sendable, Equatable, CustomStringConvertible {
  /// File, line and field of the phrase.
  public let location: String
  public let reason: PhraseError

  public var description: String { "\(location): \(reason); its subject is trained without a phrase" }
}

/// The samples of a data folder, sampled with replacement; the seed fixes the order.
public struct FolderSamples: SampleSource {
  private let folder: SampleFolder

  public init(_ folder: SampleFolder) { self.folder = folder }

  /// - Throws: `TrainingDataError` or `ImageError` if the folder's images cannot be used.
  public func sample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample {
    var generator = CounterGenerator(seed: seed, sample: index, stream: 5)
    return try folder.sample(generator.integer(below: folder.count), size: size, referenceSize: referenceSize)
  }

  /// Nothing is held out.
  public func heldOutSample(_ index: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample? { nil }

  /// SHA-256 of the folder's list.
  public var contentHash: String? { SHA256.hash(of: folder.list) }

  /// - Throws: `PhraseError.absent`, which the check of the folder already rules out.
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
