/// What the judge saw of one subject of an image.
public struct RecognisedSubject: Codable, Equatable, Sendable {
  /// Whether its own identity is the nearest of its candidates.
  public var isNearest: Bool
  /// Similarity to its own identity.
  public var likeness: Double
  /// Whether the nearest candidate has its kind, in any hue.
  public var kindIsRight: Bool
  /// Whether the nearest candidate has its hue.
  public var hueIsRight: Bool
  /// Whether the nearest candidate is another subject of the scene.
  public var isSwapped: Bool
}

/// What the judge saw of the subjects of one image.
public struct RecognitionRow: MeasuredRow {
  public var scene: Int
  public var subjects: [RecognisedSubject]
}

/// What was measured of one generated image.
public struct GenerationRow: MeasuredRow {
  /// Where a subject lies, by the difference from the same scene without it.
  public struct Landing: Codable, Equatable, Sendable {
    /// Whether the centroid of the difference lies in the subject's box.
    public var isInBox: Bool
    /// Whether the centroid of the largest connected part lies there.
    public var largestIsInBox: Bool
    /// The box's fraction of the image.
    public var boxArea: Double
    /// Whether the box holds the image's centre.
    public var boxHoldsCentre: Bool
  }

  public var scene: Int
  /// In the order of the scene, like the other lists.
  public var subjects: [RecognisedSubject]
  /// Empty where it was not asked for.
  public var landings: [Landing] = []
  /// The judge's likeness to each identity anywhere in the image; empty where it was not asked for.
  public var anywhere: [Double] = []
  /// By the model's own vision encoder: the cosine of each subject's crop and its reference; empty without an encoder.
  public var imageCosines: [Double] = []
  /// By the model's own encoders: the cosine of image and caption; nil without them.
  public var textCosine: Double?
}
