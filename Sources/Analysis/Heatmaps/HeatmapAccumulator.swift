import Tensors

/// Sums attention maps during a generation and returns heatmaps for words, phrases, subjects and single tokens.
///
/// For observers of attention: ``add(_:height:width:layer:step:heads:of:)`` takes the probabilities of one layer in
/// one step and keeps only sums, so that memory doesn't grow with the number of steps unless ``Keeping/steps`` is set.
/// The sums of each layer have the layer's own size; heatmaps resize them to a common one. The method is that of DAAM
/// (Tang et al. 2022), here for any aspect ratio.
///
/// Axes: B batch, H heads, Q queries (the h·w positions, row by row), K keys (the token columns).
public struct HeatmapAccumulator: Sendable {
  /// The dimensions over which maps are kept apart instead of being summed.
  public struct Keeping: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// One sum per denoising step. It is needed for one heatmap per step and to choose steps later. Memory grows with
    /// the number of steps.
    public static let steps = Keeping(rawValue: 1)
    /// One sum per head: for choosing heads later.
    public static let heads = Keeping(rawValue: 2)
  }

  /// One layer that was recorded.
  public struct Layer: Sendable, Equatable {
    public let name: String
    public let height: Int
    public let width: Int
    /// Number of heads of the layer, whether or not all were recorded.
    public let heads: Int
    /// The heads that were recorded, ascending.
    public let recordedHeads: [Int]
    /// The steps that were recorded, ascending.
    public var steps: [Int]
  }

  /// The row of the batch that is recorded. With guidance, a batch's first half is unconditional and its second half
  /// conditional.
  public let row: Int
  /// The token columns that are recorded; nil for all.
  public let tokens: Range<Int>?
  public let keeping: Keeping

  /// The step and the head that a sum belongs to. The step is nil if the sum runs over all steps, the head if it runs
  /// over all heads.
  struct Slot: Hashable, Comparable {
    let step: Int?
    let head: Int?
    static func < (a: Slot, b: Slot) -> Bool { (a.step ?? -1, a.head ?? -1) < (b.step ?? -1, b.head ?? -1) }
  }

  struct Sums {
    /// [Q, columns].
    var values: [Float] = []
    /// How many maps (heads × steps) were summed.
    var maps = 0
  }

  struct Record {
    var layer: Layer
    let columns: Range<Int>
    var sums: [Slot: Sums] = [:]
  }

  var names: [String] = []
  var records: [String: Record] = [:]
  var failure: AnalysisError?

  /// An empty accumulator for one row of the batch.
  public init(row: Int = 0, tokens: Range<Int>? = nil, keeping: Keeping = []) {
    (self.row, self.tokens, self.keeping) = (row, tokens, keeping)
  }

  /// The recorded layers, in the order in which they were first recorded.
  public var layers: [Layer] { names.compactMap { records[$0]?.layer } }

  /// Bytes held by the sums.
  public var byteCount: Int {
    records.values.reduce(0) { $0 + $1.sums.values.reduce(0) { $0 + $1.values.count * MemoryLayout<Float>.size } }
  }

  /// Adds the maps of one layer in one step.
  ///
  /// - Parameters:
  ///   - probabilities: [B, H, Q, K] with Q = height · width; or [B, Q, K] for maps without heads, such as those of
  ///     ``ValueContribution``.
  ///   - name: The layer's name; its maps have the same size in every call.
  ///   - step: Index of the denoising step. Maps of several calls with the same step are all added.
  ///   - numbers: Index in the layer of each head along the axis H, ascending; nil: H has all heads of the layer.
  ///   - total: Number of heads of the layer; nil: the length of H.
  /// - Throws: ``AnalysisError/notFinite(place:)``, which every later call throws again;
  ///   ``AnalysisError/shape(place:expected:found:)`` if the shape does not match the size, the heads or earlier calls;
  ///   ``AnalysisError/notRecorded(kind:requested:available:)`` if the row or a token column does not exist, or if
  ///   there is no token column. A call that throws adds nothing.
  public mutating func add(
    _ probabilities: Tensor, height: Int, width: Int, layer name: String, step: Int, heads numbers: [Int]? = nil,
    of total: Int? = nil
  ) throws {
    if let failure { throw failure }
    let shape =
      probabilities.rank == 3
      ? [probabilities.shape[0], 1] + probabilities.shape.dropFirst() : probabilities.shape
    guard shape.count == 4, height > 0, width > 0, shape[2] == height * width else {
      throw AnalysisError.shape(
        place: name, expected: "[B, H, \(height)·\(width), K]", found: probabilities.shape)
    }
    let (headCount, queries, keys) = (shape[1], shape[2], shape[3])
    try AnalysisError.require([row], in: 0..<shape[0], kind: "\(name): batch row")
    let columns = tokens ?? 0..<keys
    guard !columns.isEmpty, columns.lowerBound >= 0, columns.upperBound <= keys else {
      throw AnalysisError.notRecorded(
        kind: "\(name): token columns", requested: Array(columns), available: "0..<\(keys)")
    }
    let numbers = numbers ?? Array(0..<headCount)
    guard numbers.count == headCount else {
      throw AnalysisError.shape(
        place: name, expected: "H = \(numbers.count) for the heads \(numbers)", found: probabilities.shape)
    }
    let layer = Layer(
      name: name, height: height, width: width, heads: total ?? headCount, recordedHeads: numbers, steps: [])
    if let known = records[name]?.layer, let before = records[name]?.columns {
      guard known.height == height, known.width == width, known.recordedHeads == numbers, before == columns else {
        throw AnalysisError.shape(
          place: name,
          expected: "the same heads (\(known.recordedHeads)), positions (\(known.height)×\(known.width)) and token "
            + "columns (\(before)) as in earlier calls, instead of heads \(numbers), \(height)×\(width) positions and "
            + "token columns \(columns)",
          found: probabilities.shape)
      }
    }
    do {
      try probabilities.withUnsafeBuffer { buffer in
        func map(_ head: Int) -> UnsafeBufferPointer<Float> {
          let start = (row * headCount + head) * queries * keys
          return UnsafeBufferPointer(rebasing: buffer[start..<start + queries * keys])
        }
        for (head, number) in numbers.enumerated() {
          guard let position = Self.firstNonFinite(in: map(head), keys: keys, columns: columns) else { continue }
          throw AnalysisError.notFinite(
            place: "\(name), step \(step), batch row \(row), head \(number), "
              + "map row \(position.query / width), map column \(position.query % width), token \(position.token)")
        }
        for (head, number) in numbers.enumerated() {
          let slot = Slot(step: keeping.contains(.steps) ? step : nil, head: keeping.contains(.heads) ? number : nil)
          Self.add(
            map(head), keys: keys, columns: columns,
            to: &records[name, default: Record(layer: layer, columns: columns)].sums[slot, default: Sums()])
        }
      }
    } catch let error as AnalysisError {
      failure = error
      throw error
    }
    if records[name]?.layer.steps.contains(step) == false {
      records[name]?.layer.steps.append(step)
      records[name]?.layer.steps.sort()
    }
    if !names.contains(name) { names.append(name) }
  }

  /// Adds the columns of one map [Q, K] to sums [Q, columns].
  private static func add(
    _ map: UnsafeBufferPointer<Float>, keys: Int, columns: Range<Int>, to sums: inout Sums
  ) {
    let width = columns.count
    let queries = map.count / keys
    if sums.maps == 0 { sums.values = [Float](repeating: 0, count: queries * width) }
    sums.maps += 1
    sums.values.withUnsafeMutableBufferPointer { output in
      for query in 0..<queries {
        let source = query * keys + columns.lowerBound
        for column in 0..<width { output[query * width + column] += map[source + column] }
      }
    }
  }

  /// The first query and token of a map [Q, K], among some columns, whose value is NaN or infinite.
  private static func firstNonFinite(
    in map: UnsafeBufferPointer<Float>, keys: Int, columns: Range<Int>
  ) -> (query: Int, token: Int)? {
    for start in stride(from: 0, to: map.count, by: keys) {
      // All exponent bits set means NaN or infinity; the integer comparison is vectorized over the columns.
      var largest: UInt32 = 0
      for column in columns { largest = max(largest, map[start + column].bitPattern & 0x7fff_ffff) }
      if largest < 0x7f80_0000 { continue }
      if let token = columns.first(where: { !map[start + $0].isFinite }) { return (start / keys, token) }
    }
    return nil
  }
}

extension HeatmapAccumulator: CustomStringConvertible {
  public var description: String {
    let steps = Set(layers.flatMap(\.steps)).count
    return "HeatmapAccumulator: \(counted(layers.count, "layer")), \(counted(steps, "step")), \(byteCount / 1024) KiB"
  }
}
