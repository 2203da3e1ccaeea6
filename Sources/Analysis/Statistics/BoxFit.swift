import Tensors

/// How well a map fits a box, with the score that a uniform map would have.
public struct BoxFit: Sendable, Equatable, Codable {
  /// The fraction of the map's total that is inside the box; nil if the total is zero.
  public let inBoxMass: Double?
  /// 1 if the map's greatest value is inside the box, 0 if not; for a cell at the box's edge, the fraction of the cell
  /// that the box covers. If several cells tie, the mean over these cells.
  public let pointingHit: Double
  /// The score of a uniform map in both measures: the fraction of the image that the box covers.
  public let chance: Double

  /// In-box mass divided by chance; nil if either is missing or chance is zero.
  public var lift: Double? { chance > 0 ? inBoxMass.map { $0 / chance } : nil }

  /// Measures a map [h, w] at its own size; of a cell that the box covers partly, the covered fraction counts as
  /// inside. Stops the program if a value is negative, NaN or infinite.
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
