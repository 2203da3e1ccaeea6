/// Where a scene plays: the six places of the benchmark's prompts, drawn procedurally.
public enum Place: Int, Sendable, CaseIterable {
  case room, jungle, snow, beach, grass, street

  /// What captions call it as a subject.
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

  /// How captions end that are set there.
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

  /// Whether "a" goes before it.
  var hasArticle: Bool { self != .snow && self != .grass }
}

/// All that a background depends on: drawn at any size, it is the same view.
public struct Backdrop: Sendable, Equatable {
  /// Nil for a plain one.
  public var place: Place?
  /// Which of twelve palettes: the identity of a place. Two views with one palette show one place.
  public var palette: Int
  /// Everything else: horizon, texture, what stands where.
  var seed: UInt64
}
