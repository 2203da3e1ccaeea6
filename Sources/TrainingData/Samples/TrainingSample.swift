import Analysis
import Tensors

/// One image with what is known of it, wherever it comes from.
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
  /// Tight around the whole subject, also where others cover it; clipped to the image.
  public var box: Box
  /// [S, S], 0…1: the fraction of each pixel that shows it. What others cover is not counted.
  public var silhouette: Tensor
  /// [3, R, R], 0…1: the same identity in another pose.
  public var reference: Tensor
  /// Nil for a folder's own data.
  public var identity: Identity?

  public init(phrase: String, box: Box, silhouette: Tensor, reference: Tensor, identity: Identity? = nil) {
    (self.phrase, self.box, self.silhouette) = (phrase, box, silhouette)
    (self.reference, self.identity) = (reference, identity)
  }
}
