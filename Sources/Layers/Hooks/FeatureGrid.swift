/// The height and width of a feature map, whose positions an axis of a tensor counts.
public struct FeatureGrid: Sendable, Hashable, CustomStringConvertible {
  public let height: Int
  public let width: Int

  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

  /// Number of positions.
  public var count: Int { height * width }
  public var description: String { "\(height)×\(width)" }
}
