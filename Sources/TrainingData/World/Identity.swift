/// Who a subject is, beyond its word: a kind, one of its designs, and a turn of its hue.
///
/// A reference and a scene share the identity and differ in pose. Words name only the kind, so the look has to be taken
/// from the reference.
public struct Identity: Hashable, Sendable, Codable {
  /// Number of hues, 30° apart.
  public static let hues = 12

  /// Index into ``EmojiWorld/kinds``.
  public var kind: Int
  /// Turn of the hue in steps of 30°, 0..<12; of a place, which of its palettes.
  public var hue: Int
  /// Index into ``Kind/designs``.
  public var design: Int

  public init(kind: Int, hue: Int, design: Int = 0) { (self.kind, self.hue, self.design) = (kind, hue, design) }
}

/// Which part of the world samples come from. What is held out is fixed by `Resources/held-out.json`.
public enum Split: String, Sendable, CaseIterable {
  /// Known kinds, ten of twelve hues each, pairs of kinds that may be seen together.
  case training
  /// Known kinds in hues that training never sees; from two subjects on, pairs of kinds it never sees together: each
  /// subject after the first stands in such a pair with one before it.
  case heldOutIdentities
  /// Kinds that training never sees, in any hue.
  case heldOutKinds
}
