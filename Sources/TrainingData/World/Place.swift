/// The six places in the prompts of the paper's benchmark (MS-Bench), drawn procedurally.
public enum Place: Int, Sendable, CaseIterable {
  case room, jungle, snow, beach, grass, street

  /// The place's phrase in captions if the place is a subject.
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

  /// The end of captions for scenes in this place. If the place is a subject, half of the captions end in words such as
  /// "with a beach in the background" instead. If it is not a subject, about 6 % of the captions omit the place.
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

/// Everything that determines a background. Drawn at different sizes, a backdrop shows the same view.
public struct Backdrop: Sendable, Equatable {
  /// The place that the background shows; nil for a plain background.
  public var place: Place?
  /// Index of one of twelve palettes, 0..<12. The identity of a place is its `place` together with its `palette`.
  public var palette: Int
  /// Seed of everything else in the view, such as the horizon, the texture and objects.
  var seed: UInt64
}
