/// The judge's result for one subject in an image.
public struct RecognisedSubject: Codable, Equatable, Sendable {
  /// Whether the subject's own identity is the nearest of its candidates.
  public var isNearest: Bool
  /// Similarity between the content of the subject's box and its own identity, 0…1.
  public var likeness: Double
  /// Whether the nearest candidate is of the subject's kind, in any hue.
  public var kindIsRight: Bool
  /// Whether the nearest candidate has the subject's hue.
  public var hueIsRight: Bool
  /// Whether the nearest candidate is a different subject of the scene.
  public var isTakenForOther: Bool
}

/// The judge's results for the subjects in one image.
public struct RecognitionRow: MeasuredRow {
  public var scene: Int
  public var subjects: [RecognisedSubject]
}

/// The measurements of one generated image.
public struct GenerationRow: MeasuredRow {
  /// A subject's position, found from the difference between the image and an image of the same scene without subjects.
  public struct Landing: Codable, Equatable, Sendable {
    /// Whether the centroid of the difference lies in the subject's box.
    public var isInBox: Bool
    /// Whether the centroid of the difference's largest connected part lies in the subject's box.
    public var largestIsInBox: Bool
    /// The fraction of the image that the box covers.
    public var boxArea: Double
    /// Whether the box holds the image's centre.
    public var boxHoldsCentre: Bool
  }

  public var scene: Int
  /// The judge's result for each subject, in the scene's order; the other lists have the same order.
  public var subjects: [RecognisedSubject]
  /// Each subject's position; empty if it was not requested.
  public var landings: [Landing] = []
  /// The judge's greatest likeness between any part of the image and each subject's identity; empty if it was not
  /// requested.
  public var anywhere: [Double] = []
  /// Cosine similarity between the part of the image in each subject's box and the subject's reference, by the model's
  /// own image encoder; empty if it has none.
  public var imageCosines: [Double] = []
  /// Cosine similarity between image and caption, by the model's own encoders; nil if it has no image encoder, or if
  /// the embeddings differ in width.
  public var textCosine: Double?
}
