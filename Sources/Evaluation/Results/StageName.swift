/// The name of a training stage. It is an open set, since other models may have other stages.
public struct StageName: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(_ name: String) { rawValue = name }
  public init(stringLiteral name: String) { rawValue = name }

  /// Training of the base model, before anything is added to it.
  public static let base: StageName = "base"
  /// Training of the adapter beside the base.
  public static let adapter: StageName = "adapter"

  public var description: String { rawValue }
}
