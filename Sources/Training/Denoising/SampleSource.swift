import Checkpoints
import Models
import Tensors
import TrainingData

/// A source of training samples.
public protocol SampleSource: Sendable {
  /// One sample; it depends on nothing but the arguments.
  /// - Parameters:
  ///   - number: index of the sample, counted through the whole training run.
  ///   - size: pixels per side of the image.
  ///   - referenceSize: pixels per side of the references.
  func sample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample

  /// A sample that training never sees; nil if nothing is held out.
  func heldOutSample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample?

  /// Distinguishes the samples from those of another source with the same seed; nil if the seed alone decides them.
  var hash: String? { get }

  /// Phrases that lie beyond what the text encoder reads of their captions.
  func unseenPhrases(by finder: PhraseFinder) throws -> [UnseenPhrase]
}

/// A phrase that lies beyond what the text encoder reads of its caption: its subject is trained without it.
public struct UnseenPhrase: Sendable, Equatable, CustomStringConvertible {
  /// File and line of the sample.
  public let location: String
  public let reason: PhraseError

  public var description: String { "\(location): \(reason); its subject is trained without a phrase" }
}

/// The samples of a data folder, drawn at random from the seed, with replacement.
public struct FolderSamples: SampleSource {
  private let folder: SampleFolder

  public init(_ folder: SampleFolder) { self.folder = folder }

  /// - Throws: `TrainingDataError` or `ImageError` where the folder's images cannot be used.
  public func sample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) throws -> TrainingSample {
    var generator = CounterGenerator(seed: seed, sample: number, stream: 5)
    return try folder.sample(generator.integer(below: folder.count), size: size, referenceSize: referenceSize)
  }

  /// Nothing is held out.
  public func heldOutSample(_ number: Int, seed: UInt64, size: Int, referenceSize: Int) -> TrainingSample? { nil }

  /// SHA-256 of the folder's list.
  public var hash: String? { SHA256.hash(of: folder.list) }

  /// - Throws: `PhraseError.absent`, which the check of the folder already rules out.
  public func unseenPhrases(by finder: PhraseFinder) throws -> [UnseenPhrase] {
    try folder.captions.flatMap { caption in
      try finder.spans(of: caption.phrases, in: caption.text).enumerated().compactMap { index, found in
        switch found {
        case .success: return nil
        case .failure(let error):
          guard case .beyondEnd = error else { throw error }
          return UnseenPhrase(location: "\(caption.location), subjects[\(index)].phrase", reason: error)
        }
      }
    }
  }
}
