/// Intersection over union between boxes read from text attention and the requested boxes, one number per subject.
public struct LayoutRow: MeasuredRow {
  public var scene: Int
  /// Results for each variant of the rule, by its name (`LayoutVariant.all`).
  public var variants: [String: [Double]]
  /// Results for the published rule with the layers of one size alone, by the height of their maps.
  public var heights: [Int: [Double]]
  /// Results for the published rule if attention is replaced by the exact fraction of each position that a subject
  /// covers.
  public var silhouettes: [Double]
  /// Results if the box found for every subject were the whole image.
  public var wholeImage: [Double]

  package init(
    scene: Int, variants: [String: [Double]] = [:], heights: [Int: [Double]] = [:], silhouettes: [Double] = [],
    wholeImage: [Double] = []
  ) {
    (self.scene, self.variants, self.heights) = (scene, variants, heights)
    (self.silhouettes, self.wholeImage) = (silhouettes, wholeImage)
  }
}
