import Analysis
import Tensors

/// One training sample, from any source: an image, its caption and its subjects.
public struct TrainingSample: Sendable {
  public var caption: String
  /// [3, S, S], -1…1.
  public var image: Tensor
  /// In the order of the caption.
  public var subjects: [TrainingSubject]

  public init(caption: String, image: Tensor, subjects: [TrainingSubject]) {
    (self.caption, self.image, self.subjects) = (caption, image, subjects)
  }
}

/// One subject of a sample.
public struct TrainingSubject: Sendable {
  /// Words that occur in the caption.
  public var phrase: String
  /// Tight around the whole subject, including parts that other subjects cover; clipped to the image.
  public var box: Box
  /// [S, S], 0…1: the fraction of each pixel that shows the subject. Covered parts do
  /// not count.
  public var silhouette: Tensor
  /// [3, R, R], 0…1: an image of the same identity, usually in a different pose.
  public var reference: Tensor
  /// Nil for samples from a data folder.
  public var identity: Identity?

  public init(phrase: String, box: Box, silhouette: Tensor, reference: Tensor, identity: Identity? = nil) {
    (self.phrase, self.box, self.silhouette) = (phrase, box, silhouette)
    (self.reference, self.identity) = (reference, identity)
  }
}
