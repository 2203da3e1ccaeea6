import Tensors

/// How well a map fits a box, each measure beside what a map without any preference would score.
public struct BoxFit: Sendable, Equatable, Codable {
  /// Fraction of the map's total inside the box; nil for a map without mass.
  public let inBoxMass: Double?
  /// How much of the cell with the greatest value is inside; the mean over several equally great ones.
  public let pointingHit: Double
  /// What an even map scores in both: the fraction of the image that the box covers.
  public let chance: Double

  /// How many times chance the mass inside is.
  public var lift: Double? { chance > 0 ? inBoxMass.map { $0 / chance } : nil }

  /// Measures a map [h, w], not negative, at its own size; cells count by the fraction of them that the box covers.
  public init(of map: Tensor, _ box: Box) {
    let size = map.mapSize("BoxFit")
    let region = box.coverage(height: size.height, width: size.width)
    inBoxMass = Analysis.inBoxMass(of: map, inside: region)
    pointingHit = Analysis.pointingHit(of: map, inside: region)
    chance = Double(region.mean().item)
  }

  private enum CodingKeys: String, CodingKey {
    case inBoxMass = "in_box_mass"
    case pointingHit = "pointing_hit"
    case chance
    case lift
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(inBoxMass, forKey: .inBoxMass)
    try container.encode(pointingHit, forKey: .pointingHit)
    try container.encode(chance, forKey: .chance)
    try container.encode(lift, forKey: .lift)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    inBoxMass = try container.decodeIfPresent(Double.self, forKey: .inBoxMass)
    pointingHit = try container.decode(Double.self, forKey: .pointingHit)
    chance = try container.decode(Double.self, forKey: .chance)
  }
}
