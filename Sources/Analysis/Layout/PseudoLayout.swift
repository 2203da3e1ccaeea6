import Tensors

/// The mean over all maps recorded so far, such as one layer's text maps over the denoising steps (appendix M).
///
/// Use one instance per layer and generation. Maps can have any shape [..., h, w], as long as it is the same in every
/// step.
public struct RunningMaps: Sendable {
  private var sum: Tensor?
  private var weight: Float = 0
  private let decay: Float
  /// How many maps were added.
  public private(set) var count = 0

  /// - Parameter decay: Factor applied to the weights of earlier maps whenever a map is added, 0…1; 1 weights all maps
  ///   equally. A number outside 0…1 stops the program.
  public init(decay: Float = 1) {
    guard (0...1).contains(decay) else { fail("RunningMaps: expected a decay from 0 to 1, found \(decay)") }
    self.decay = decay
  }

  /// Adds the maps of one step; stops the program if a value is NaN or infinite, or if the shape differs from that of
  /// earlier steps.
  public mutating func add(_ maps: Tensor) {
    maps.requireFinite("RunningMaps.add, step \(count)")
    if let sum, sum.shape != maps.shape {
      fail("RunningMaps.add: expected shape \(sum.shape) as in the steps before, found \(maps.shape)")
    }
    sum = sum.map { (decay < 1 ? $0 * decay : $0) + maps } ?? maps
    weight = weight * decay + 1
    count += 1
  }

  /// The weighted mean, with the shape of the maps; nil before the first map.
  public var mean: Tensor? { sum.map { $0 / weight } }
}

/// How a layout is derived from the attention maps of the subjects' phrases.
///
/// Every map is stretched to 0…1, cut at a threshold and optionally cleaned. A constant map gives an empty mask.
/// ``published`` is the paper's rule (appendix M), ``joint`` ours.
public struct PseudoLayout: Sendable, Equatable {
  /// Threshold on the stretched map; the mask is 1 strictly above it.
  public enum Threshold: Sendable, Equatable {
    /// This value, 0…1.
    case fixed(Float)
    /// For each map separately, the threshold with the greatest between-class variance (Otsu 1979).
    case otsu
  }

  public var threshold: Threshold
  /// Connectivity used to keep only the largest connected part; nil keeps all parts.
  public var largestPart: Connectivity?
  /// Whether to fill holes in the mask.
  public var fillsHoles: Bool
  /// How to fuse the layers' maps into one shared layout, updated at the end of each step; nil gives each layer its own
  /// layout (published).
  public var fusion: LayerFusion?
  /// Whether a subject is confined to the box around its mask, as in the adapter's training, instead of to the mask
  /// itself.
  public var usesBoxes: Bool
  /// Factor applied to the weights of earlier steps whenever a step is added, 0…1; 1 weights all steps equally
  /// (published).
  public var decay: Float
  /// Number of recorded steps, including the current one, needed before the layout is used.
  public var startStep: Int

  public init(
    threshold: Threshold = .fixed(0.5), largestPart: Connectivity? = nil, fillsHoles: Bool = false,
    fusion: LayerFusion? = nil, usesBoxes: Bool = false, decay: Float = 1, startStep: Int = 5
  ) {
    self.threshold = threshold
    self.largestPart = largestPart
    self.fillsHoles = fillsHoles
    self.fusion = fusion
    self.usesBoxes = usesBoxes
    self.decay = decay
    self.startStep = startStep
  }

  /// The published rule, used from the fifth step on: the mean of the maps so far is stretched as
  /// (x − min) / (max − min + 1e-5), and the mask is where the result is strictly above 0.5.
  public static let published = PseudoLayout()

  /// One layout for all layers: boxes around the largest part of their joint map, in which the newest steps count most.
  public static let joint = PseudoLayout(
    threshold: .fixed(0.2), largestPart: .eight, fusion: .concentration, usesBoxes: true, decay: 0.5)

  /// Masks of 0 and 1 in the shape of the maps [..., h, w], one per map; stops the program if a value is NaN or
  /// infinite.
  public func masks(of maps: Tensor) -> Tensor {
    maps.requireFinite("PseudoLayout.masks")
    let stretched = Self.stretched(maps)
    let cut = stretched.mappingEach2D("PseudoLayout.masks") { map, mask in
      let limit: Float
      switch threshold {
      case .fixed(let value): limit = value
      case .otsu: limit = otsuThreshold(map)
      }
      for i in map.indices { mask[i] = map[i] > limit ? 1 : 0 }
    }
    let parts = largestPart.map { cut.largestPart(connectivity: $0) } ?? cut
    let whole = fillsHoles ? parts.holesFilled() : parts
    return usesBoxes ? .masks(of: whole.maskBoxes(), shape: whole.shape) : whole
  }

  /// Masks from the mean of the recorded maps; nil before ``startStep``.
  public func masks(of maps: RunningMaps) -> Tensor? {
    guard maps.count >= startStep, let mean = maps.mean else { return nil }
    return masks(of: mean)
  }

  /// Masks for every layer, each at the layer's own size. All are derived from the one map that ``fusion`` makes of the
  /// maps of all layers. nil if there is no fusion or no layer, or if a layer has maps of fewer than ``startStep`` steps.
  ///
  /// - Parameter layers: The maps recorded for each layer so far, [..., h, w].
  public func masks(of layers: [RunningMaps]) -> [Tensor]? {
    layers.allSatisfy { $0.count >= startStep } ? masksIgnoringStart(of: layers) : nil
  }

  /// Masks for every layer from the maps recorded so far, even before ``startStep``; nil if there is no fusion or no
  /// layer, or if some layer has no maps.
  package func masksIgnoringStart(of layers: [RunningMaps]) -> [Tensor]? {
    let means = layers.compactMap(\.mean)
    guard let fusion, means.count == layers.count, !means.isEmpty else { return nil }
    guard usesBoxes else {
      return means.map { layer in
        let size = layer.mapSize("PseudoLayout.masks")
        return masks(of: fusion(means, size: (size.height, size.width)))
      }
    }
    // Boxes are found at the size of the finest layer; every layer then rounds them to its own positions.
    let boxes = boxes(of: fusion(means))
    return means.map { .masks(of: boxes, shape: $0.shape) }
  }

  /// Derives the masks and returns the smallest box around each, in the order of the maps; an empty mask gives a box
  /// with all coordinates 0.
  public func boxes(of maps: Tensor) -> [Box] { masks(of: maps).maskBoxes() }

  /// (x − min) / (max − min + ε) of every map [..., h, w], in float32 as published.
  ///
  /// Because of ε, a constant map becomes zero, and the greatest value of an attention map stays just below 1.
  public static func stretched(_ maps: Tensor, epsilon: Float = 1e-5) -> Tensor {
    maps.mappingEach2D("PseudoLayout.stretched") { map, output in
      let least = map.min() ?? 0
      let range = (map.max() ?? 0) - least + epsilon
      for i in map.indices { output[i] = (map[i] - least) / range }
    }
  }
}

extension Tensor {
  /// One mask per box, 1 inside the box and 0 outside: [..., h, w].
  static func masks(of boxes: [Box], shape: [Int]) -> Tensor {
    Tensor(
      boxes.flatMap { $0.mask(height: shape[shape.count - 2], width: shape[shape.count - 1]).values }, shape: shape)
  }

  /// The smallest box around the cells above 0 of every mask [..., h, w]; an empty mask gives a box with all
  /// coordinates 0.
  public func maskBoxes() -> [Box] {
    let size = mapSize("maskBoxes")
    let masks = reshaped([size.maps, size.height, size.width])
    return (0..<size.maps).map { index in
      Box(around: masks.sliced(axis: 0, index..<index + 1).reshaped([size.height, size.width]))
    }
  }

  /// Otsu's threshold for all values together: the value t with the greatest between-class variance, where the classes
  /// are the values ≤ t and the values > t. If several values tie, the result is the lowest of them; if all values are
  /// equal, it is this value. The result is exact, since no histogram is used. Stops the program if a value is NaN or
  /// infinite, or if the tensor has no values.
  public func otsuThreshold() -> Float {
    requireFinite("otsuThreshold")
    guard count > 0 else { fail("otsuThreshold: expected at least one value, found shape \(shape)") }
    return withUnsafeBuffer { Analysis.otsuThreshold($0) }
  }
}

/// Otsu's threshold for finite values; see ``Tensors/Tensor/otsuThreshold()``.
func otsuThreshold(_ values: UnsafeBufferPointer<Float>) -> Float {
  let sorted = values.sorted()
  let total = sorted.reduce(0.0) { $0 + Double($1) }
  var best = (variance: 0.0, value: sorted[sorted.count - 1])
  var sum = 0.0
  for i in 0..<sorted.count - 1 {
    sum += Double(sorted[i])
    if sorted[i] == sorted[i + 1] { continue }
    let (below, above) = (Double(i + 1), Double(sorted.count - i - 1))
    let distance = sum / below - (total - sum) / above
    let variance = below * above * distance * distance
    if variance > best.variance { best = (variance, sorted[i]) }
  }
  return best.value
}
