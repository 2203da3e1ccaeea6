/// Intersection over union between boxes read from text attention and the requested boxes, one number per subject.
public struct LayoutRow: MeasuredRow {
  public var scene: Int
  /// Results for each variant of the rule, by its name (`LayoutVariant.all`).
  public var variants: [String: [Double]]
  /// Results for the published rule with layers of one size only, by the height of their maps.
  public var heights: [Int: [Double]]
  /// Results for the published rule if the exact fraction of each position that a subject covers replaces attention.
  public var silhouettes: [Double]
  /// Results for a box around the whole image for each subject.
  public var wholeImage: [Double]

  package init(
    scene: Int, variants: [String: [Double]] = [:], heights: [Int: [Double]] = [:], silhouettes: [Double] = [],
    wholeImage: [Double] = []
  ) {
    (self.scene, self.variants, self.heights) = (scene, variants, heights)
    (self.silhouettes, self.wholeImage) = (silhouettes, wholeImage)
  }
}
