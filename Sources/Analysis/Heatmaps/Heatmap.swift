import Tensors

/// How several maps are combined into one.
public enum Combination: String, Sendable { case mean, sum }

/// One map over the image, with its label and provenance.
public struct Heatmap: Sendable, CustomStringConvertible {
  /// The tokens, layers, steps and heads that a heatmap was computed from.
  public struct Provenance: Sendable, Equatable {
    /// Token columns.
    public var tokens: [Int]
    /// Layers in the order in which they were chosen; if all were used, in the order in which they were recorded.
    public var layers: [String]
    /// Denoising steps, ascending.
    public var steps: [Int]
    /// Heads, ascending; nil for all.
    public var heads: [Int]?
    /// How steps, layers and heads were combined; after ``Heatmap/combined(_:label:as:size:)``, how that function
    /// combined its maps.
    public var combination: Combination
    /// How token columns were combined; after ``Heatmap/combined(_:label:as:size:)``, how the first of its maps had
    /// combined them.
    public var overTokens: Combination

    public init(
      tokens: [Int] = [], layers: [String] = [], steps: [Int] = [], heads: [Int]? = nil,
      combination: Combination = .mean, overTokens: Combination = .mean
    ) {
      self.overTokens = overTokens
      self.tokens = tokens
      self.layers = layers
      self.steps = steps
      self.heads = heads
      self.combination = combination
    }
  }

  /// [h, w], finite.
  public let values: Tensor
  /// The word, phrase or subject that the heatmap shows.
  public var label: String
  public var provenance: Provenance

  /// A heatmap of values [h, w]. Stops the program if the shape is different or has no cells, or if a value is NaN or
  /// infinite; the message then names the value's index.
  public init(_ values: Tensor, label: String, provenance: Provenance = Provenance()) {
    guard values.rank == 2 else { fail("Heatmap: expected values [h, w], found shape \(values.shape)") }
    _ = values.mapSize("Heatmap")
    values.requireFinite("Heatmap “\(label)”")
    self.values = values
    self.label = label
    self.provenance = provenance
  }

  public var height: Int { values.shape[0] }
  public var width: Int { values.shape[1] }
  /// The least and the greatest value.
  public var range: ClosedRange<Float> { values.valueRange }

  /// The heatmap resized bicubically or bilinearly. Stops the program if a side is not above 0.
  ///
  /// The bicubic kernel overshoots next to a peak; the result is clamped to the map's own range.
  public func resized(height: Int, width: Int, method: ResizeMethod = .bicubic) -> Heatmap {
    with(values.resizedMaps(height: height, width: width, method: method))
  }

  /// Min–max normalization: the least value becomes 0, the greatest 1.
  ///
  /// - Parameter flat: The value of every cell of the result if all values of the map are equal.
  public func normalized(flat: Float = 0) -> Heatmap { scaled(from: range, flat: flat) }

  /// Maps `range` to 0…1, so that several maps can be compared on one scale; values outside `range` are clipped.
  ///
  /// - Parameter flat: The value of every cell of the result if both ends of the range are equal.
  public func scaled(from range: ClosedRange<Float>, flat: Float = 0) -> Heatmap {
    with(values.scaled(from: range, flat: flat))
  }

  /// Normalizes several maps to a common scale: 0 is the least value of all maps, 1 the greatest.
  ///
  /// - Parameter flat: The value of every cell of the results if all values of all maps are equal.
  public static func normalizedTogether(_ maps: [Heatmap], flat: Float = 0) -> [Heatmap] {
    guard let first = maps.first else { return [] }
    let range = maps.dropFirst().reduce(first.range) { range, map in
      min(range.lowerBound, map.range.lowerBound)...max(range.upperBound, map.range.upperBound)
    }
    return maps.map { $0.scaled(from: range, flat: flat) }
  }

  /// Mean or sum of maps after resizing each bicubically to a common size.
  ///
  /// The provenance of the result lists the tokens, layers, steps and heads of all maps.
  ///
  /// - Parameter size: Height and width; nil: the size of the map with the most cells.
  /// - Throws: ``AnalysisError/empty(_:)`` if there are no maps.
  public static func combined(
    _ maps: [Heatmap], label: String, as combination: Combination = .mean, size: (height: Int, width: Int)? = nil
  ) throws -> Heatmap {
    guard !maps.isEmpty else { throw AnalysisError.empty("heatmap “\(label)”: expected at least one map, found none") }
    let values = combinedMaps(maps.map(\.values), as: combination, size: size)
    let heads = maps.map(\.provenance.heads)
    let provenance = Provenance(
      tokens: Set(maps.flatMap(\.provenance.tokens)).sorted(),
      layers: maps.flatMap(\.provenance.layers).withoutRepeats,
      steps: Set(maps.flatMap(\.provenance.steps)).sorted(),
      heads: heads.contains(nil) ? nil : Set(heads.compactMap { $0 }.joined()).sorted(),
      combination: combination, overTokens: maps[0].provenance.overTokens)
    return Heatmap(values, label: label, provenance: provenance)
  }

  public var description: String {
    var parts = ["Heatmap “\(label)” \(height)×\(width)", "\(range.lowerBound)…\(range.upperBound)"]
    if !provenance.tokens.isEmpty { parts.append("tokens \(provenance.tokens)") }
    if !provenance.layers.isEmpty { parts.append(counted(provenance.layers.count, "layer")) }
    if !provenance.steps.isEmpty { parts.append(counted(provenance.steps.count, "step")) }
    if let heads = provenance.heads { parts.append("heads \(heads)") }
    return parts.joined(separator: ", ")
  }

  private func with(_ values: Tensor) -> Heatmap { Heatmap(values, label: label, provenance: provenance) }
}

/// Mean or sum of maps [h, w] after resizing each to `size`, or, if `size` is nil, to the size of the map with the most
/// cells.
package func combinedMaps(
  _ maps: [Tensor], as combination: Combination, size: (height: Int, width: Int)? = nil
) -> Tensor {
  guard let largest = maps.map({ $0.mapSize("combinedMaps") }).max(by: { $0.cells < $1.cells }) else {
    fail("combinedMaps: expected at least one map, found none")
  }
  let size = size ?? (largest.height, largest.width)
  var sum = Tensor.zeros([size.height, size.width])
  for map in maps { sum = sum + map.resizedMaps(height: size.height, width: size.width) }
  return combination == .sum ? sum : sum / Float(maps.count)
}

extension Tensor {
  /// The least and the greatest value; stops the program on NaN or infinity, or if there are no values.
  package var valueRange: ClosedRange<Float> {
    requireFinite("valueRange")
    return withUnsafeBuffer { buffer in
      guard let least = buffer.min(), let greatest = buffer.max() else {
        fail("valueRange: expected at least one value, found shape \(shape)")
      }
      return least...greatest
    }
  }

  /// Resizes maps [..., h, w]. The bicubic kernel overshoots; the result is clamped to the range of all maps' values.
  package func resizedMaps(height: Int, width: Int, method: ResizeMethod = .bicubic) -> Tensor {
    let size = mapSize("resizedMaps")
    guard height > 0, width > 0 else { fail("resizedMaps: expected a size above 0, found \(height)×\(width)") }
    if size.height == height, size.width == width { return self }
    return resized(height: height, width: width, method: method).clamped(to: valueRange)
  }

  /// Maps `range` to 0…1 and clips values outside it; if both ends of the range are equal, every value becomes `flat`.
  package func scaled(from range: ClosedRange<Float>, flat: Float) -> Tensor {
    let (least, greatest) = (range.lowerBound, range.upperBound)
    guard greatest > least else { return Tensor(repeating: flat, shape: shape) }
    return ((self - least) / (greatest - least)).clamped(to: 0...1)
  }
}

extension Sequence where Element: Hashable {
  /// Each element once, in the order of first appearance.
  package var withoutRepeats: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
