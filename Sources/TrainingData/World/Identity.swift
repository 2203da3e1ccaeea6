/// Which individual of its kind a subject is: the kind, one of its designs, and a rotation of its hue.
///
/// A reference and a scene share the identity and differ in pose. Captions name only the kind, so a model has to take
/// the look from the reference.
public struct Identity: Hashable, Sendable, Codable {
  /// Number of hues, 30° apart.
  public static let hues = 12

  /// Index into ``EmojiWorld/kinds``.
  public var kind: Int
  /// Rotation of the hue in steps of 30°, 0..<12; of a place, the index of its palette.
  public var hue: Int
  /// Index into ``Kind/designs``.
  public var design: Int

  public init(kind: Int, hue: Int, design: Int = 0) { (self.kind, self.hue, self.design) = (kind, hue, design) }
}

/// Which part of the world samples come from. What is held out is fixed by `Resources/held-out.json`.
public enum Split: String, Sendable, CaseIterable {
  /// Known kinds in ten of their twelve hues, without held-out pairs of kinds.
  case training
  /// Known kinds in hues that training never sees. In scenes of several subjects, each subject after the first, unless
  /// it is a place, forms a held-out pair of kinds with an earlier one.
  case heldOutIdentities
  /// Kinds that training never sees, in any hue.
  case heldOutKinds
}
