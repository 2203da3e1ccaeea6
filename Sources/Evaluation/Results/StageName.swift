/// The name of a training stage. Not an enum, because other models may have other stages.
public struct StageName: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(_ name: String) { rawValue = name }
  public init(stringLiteral name: String) { rawValue = name }

  /// Training of the base model: the U-Net without adapter.
  public static let base: StageName = "base"
  /// Training of the adapter, with the base model frozen.
  public static let adapter: StageName = "adapter"

  public var description: String { rawValue }
}
