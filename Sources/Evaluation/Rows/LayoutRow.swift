/// How well boxes read from text attention fit those of one request: intersection over union, one number per subject.
public struct LayoutRow: MeasuredRow {
  public var scene: Int
  /// For each of ``LayoutVariant/all``, by its name.
  public var variants: [String: [Double]]
  /// The published rule in layers of one size alone, by the number of rows of their maps.
  public var heights: [Int: [Double]]
  /// The published rule where attention is the exact fraction of each position that a subject covers.
  public var silhouettes: [Double]
  /// One box around the whole image for each subject.
  public var wholeImage: [Double]

  package init(
    scene: Int, variants: [String: [Double]] = [:], heights: [Int: [Double]] = [:], silhouettes: [Double] = [],
    wholeImage: [Double] = []
  ) {
    (self.scene, self.variants, self.heights) = (scene, variants, heights)
    (self.silhouettes, self.wholeImage) = (silhouettes, wholeImage)
  }
}
