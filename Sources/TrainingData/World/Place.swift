/// The six places of the benchmark's prompts, drawn procedurally.
public enum Place: Int, Sendable, CaseIterable {
  case room, jungle, snow, beach, grass, street

  /// Its phrase in captions when it is a subject.
  public var phrase: String {
    switch self {
    case .room: "room"
    case .jungle: "jungle"
    case .snow: "snow"
    case .beach: "beach"
    case .grass: "grass"
    case .street: "cobblestone street"
    }
  }

  /// The end of captions for scenes in this place.
  public var ending: String {
    switch self {
    case .room: "in a room"
    case .jungle: "in the jungle"
    case .snow: "in the snow"
    case .beach: "on the beach"
    case .grass: "on the grass"
    case .street: "on a cobblestone street"
    }
  }

  /// Whether the phrase takes the article "a".
  var hasArticle: Bool { self != .snow && self != .grass }
}

/// Everything that a background depends on; the view is the same at any size.
public struct Backdrop: Sendable, Equatable {
  /// Nil for a plain background.
  public var place: Place?
  /// Index of one of twelve palettes: the identity of a place. Two views with the same palette show the same place.
  public var palette: Int
  /// Seed of everything else: horizon, texture, objects.
  var seed: UInt64
}
