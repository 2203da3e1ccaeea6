/// The individual that a subject shows: a kind, one of the kind's designs, and a rotation of the hue.
///
/// A reference and a scene share the identity and differ in pose. Captions name only the kind, so a model has to take
/// the look from the reference.
public struct Identity: Hashable, Sendable, Codable {
  /// Number of hues, 30° apart.
  public static let hues = 12

  /// Index into ``EmojiWorld/kinds``.
  public var kind: Int
  /// Rotation of the hue in steps of 30°, 0..<12; for a place, the index of its palette.
  public var hue: Int
  /// Index into ``Kind/designs``.
  public var design: Int
  /// Degrees that are added to the hue's rotation; scenes use values other than 0 only in the training split.
  public var hueOffset: Float

  public init(kind: Int, hue: Int, design: Int = 0, hueOffset: Float = 0) {
    (self.kind, self.hue, self.design, self.hueOffset) = (kind, hue, design, hueOffset)
  }

  /// The rotation of the hue.
  var rotation: Hue { hueOffset == 0 ? Hue.steps[hue] : Hue(degrees: 30 * Float(hue) + hueOffset) }
}

/// The part of the world that samples come from. `Resources/held-out.json` lists everything that is held out.
public enum Split: String, Sendable, CaseIterable {
  /// The kinds that are not held out, in ten of their twelve hues, without held-out pairs of kinds.
  case training
  /// The same kinds as in training, in the two hues that training never sees. In a scene of several subjects, each
  /// subject after the first, unless it is a place, forms a held-out pair of kinds with an earlier subject.
  case heldOutIdentities
  /// The kinds that training never sees. They appear in all twelve hues.
  case heldOutKinds
}
