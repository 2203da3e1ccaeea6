import Analysis
import Tensors

/// One training sample, from any source: an image, its caption and its subjects.
public struct TrainingSample: Sendable {
  public var caption: String
  /// RGB, [3, S, S], -1…1.
  public var image: Tensor
  /// In the order of the caption; in a sample from a data folder, in the order of the folder's list.
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
  /// [S, S], 0…1: the fraction of each pixel that shows the subject. Parts that other subjects cover do not count. In a
  /// sample from a data folder that gives no mask, the whole box counts as the subject.
  public var silhouette: Tensor
  /// RGB, [3, R, R], 0…1: an image of the same identity, usually in a different pose.
  public var reference: Tensor
  /// Nil for samples from a data folder.
  public var identity: Identity?

  public init(phrase: String, box: Box, silhouette: Tensor, reference: Tensor, identity: Identity? = nil) {
    (self.phrase, self.box, self.silhouette) = (phrase, box, silhouette)
    (self.reference, self.identity) = (reference, identity)
  }
}
