import Foundation
import Tensors

/// How maps of several layers, each at its own size, are combined into one.
public enum LayerFusion: String, Sendable, CaseIterable, Codable {
  /// All layers have the same weight.
  case uniform
  /// A layer's weight is its number of positions: finer layers show outlines better.
  case resolution
  /// A layer's weight, for each map separately, is how concentrated the map is: 1 − entropy / log(h·w). A uniform map
  /// has weight 0, as it contains no information about where the subject is.
  case concentration

  /// Weighted mean of maps [..., h, w] after a bicubic resize to a common size.
  ///
  /// If a map has weight 0 in every layer, all layers have the same weight for this map. Stops the program if there are
  /// no layers, if leading axes differ, if a value is NaN or infinite, or, for ``concentration``, if one is negative.
  ///
  /// - Parameters:
  ///   - layers: The maps of each layer; leading axes are the same for all layers.
  ///   - size: Height and width; nil: the size of the layer with the most positions.
  /// - Returns: [..., height, width].
  public func callAsFunction(_ layers: [Tensor], size: (height: Int, width: Int)? = nil) -> Tensor {
    guard let first = layers.first,
      let largest = layers.map({ $0.mapSize("LayerFusion") }).max(by: { $0.cells < $1.cells })
    else { fail("LayerFusion: expected at least one layer, found none") }
    let leading = Array(first.shape.dropLast(2))
    guard layers.allSatisfy({ Array($0.shape.dropLast(2)) == leading }) else {
      fail("LayerFusion: expected the same leading axes in all layers, found \(layers.map(\.shape))")
    }
    let (height, width) = size ?? (largest.height, largest.width)
    for (index, layer) in layers.enumerated() { layer.requireFinite("LayerFusion, layer \(index)") }
    let weights = layers.map(weights(of:))
    var sum = Tensor.zeros([largest.maps, height, width])
    for (layer, weight) in zip(layers, weights) {
      // The weights of one map over all layers then sum to one.
      let normalized = weight.enumerated().map { map, value -> Float in
        let total = weights.reduce(0) { $0 + $1[map] }
        return Float(total > 0 ? value / total : 1 / Double(layers.count))
      }
      let maps = layer.resizedMaps(height: height, width: width).reshaped([largest.maps, height, width])
      sum = sum + maps * Tensor(normalized, shape: [largest.maps, 1, 1])
    }
    return sum.reshaped(leading + [height, width])
  }

  /// One weight per map of a layer [..., h, w].
  private func weights(of layer: Tensor) -> [Double] {
    let size = layer.mapSize("LayerFusion")
    switch self {
    case .uniform: return [Double](repeating: 1, count: size.maps)
    case .resolution: return [Double](repeating: Double(size.cells), count: size.maps)
    case .concentration:
      let maps = layer.reshaped([size.maps, size.height, size.width])
      return (0..<size.maps).map { index in
        let map = maps.sliced(axis: 0, index..<index + 1)
        return normalizedEntropy(of: map).map { max(0, 1 - $0) } ?? 0
      }
    }
  }
}
