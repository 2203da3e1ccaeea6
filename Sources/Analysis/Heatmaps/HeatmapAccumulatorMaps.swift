import Tensors

extension HeatmapAccumulator {
  /// One heatmap over chosen layers, steps and heads.
  ///
  /// Token columns are combined first: a word's or phrase's span, one token, or the columns of a subject's image
  /// tokens. Then the steps and heads of each layer are combined at the layer's own size, and last the layers at a
  /// common size.
  ///
  /// - Parameters:
  ///   - label: The heatmap's label, such as the phrase.
  ///   - tokens: Token columns, counted from 0 over all of the attention's columns, even if the accumulator records only
  ///     some of them.
  ///   - layers: Names of layers; nil: all recorded ones.
  ///   - steps: Needs ``Keeping/steps``; nil: all recorded ones.
  ///   - heads: Needs ``Keeping/heads``; nil: all recorded ones.
  ///   - combination: How steps, heads and layers are combined.
  ///   - overTokens: How token columns are combined. If all columns were summed, every position would be 1, since
  ///     attention is a softmax.
  ///   - size: Height and width of the heatmap; nil: the size of the largest chosen layer. Maps of a different size are
  ///     resized bicubically.
  /// - Throws: ``AnalysisError`` for a layer, step, head or token that wasn't recorded or was only recorded as a sum, for
  ///   an empty list of them, if nothing was recorded, or if ``add(_:height:width:layer:step:heads:of:)`` failed before.
  public func heatmap(
    _ label: String, tokens: some Collection<Int>, layers: [String]? = nil, steps: [Int]? = nil,
    heads: [Int]? = nil, combining combination: Combination = .mean, overTokens: Combination = .mean,
    size: (height: Int, width: Int)? = nil
  ) throws -> Heatmap {
    let maps = try layerHeatmaps(
      label, tokens: tokens, layers: layers, steps: steps, heads: heads, combining: combination, overTokens: overTokens)
    return try Heatmap.combined(maps, label: label, as: combination, size: size)
  }

  /// As ``heatmap(_:tokens:layers:steps:heads:combining:overTokens:size:)``, but one heatmap per layer, each at the
  /// layer's own size. A layer for which none of the chosen steps was recorded is left out.
  ///
  /// - Throws: As ``heatmap(_:tokens:layers:steps:heads:combining:overTokens:size:)``.
  public func layerHeatmaps(
    _ label: String, tokens: some Collection<Int>, layers: [String]? = nil, steps: [Int]? = nil,
    heads: [Int]? = nil, combining combination: Combination = .mean, overTokens: Combination = .mean
  ) throws -> [Heatmap] {
    if let failure { throw failure }
    let tokens = Array(tokens)
    guard !tokens.isEmpty else {
      throw AnalysisError.empty("heatmap “\(label)”: expected at least one token column, found none")
    }
    guard !names.isEmpty else {
      throw AnalysisError.empty("heatmap “\(label)”: nothing was recorded; observe the attention of a generation first")
    }
    let chosen = try (layers ?? names).map { name -> Record in
      guard let record = records[name] else { throw AnalysisError.unknownLayer(name: name, recorded: names) }
      return record
    }
    if let steps { try requireKept(steps, .steps, "steps", among: Set(chosen.flatMap(\.layer.steps))) }
    let maps = try chosen.compactMap {
      try layerHeatmap(
        $0, label: label, tokens: tokens, steps: steps, heads: heads, combination: combination,
        overTokens: overTokens)
    }
    guard !maps.isEmpty else {
      throw AnalysisError.empty("heatmap “\(label)”: expected at least one layer, found none")
    }
    return maps
  }

  /// One map per group of token columns in one layer, the mean over steps, heads and the group's tokens: [R, h, w] for
  /// R groups. An empty group's map is zero; without groups the program stops.
  ///
  /// - Throws: As ``heatmap(_:tokens:layers:steps:heads:combining:overTokens:size:)``.
  public func groupMaps(_ groups: [Range<Int>], inLayer name: String) throws -> Tensor {
    guard let layer = layers.first(where: { $0.name == name }) else {
      throw AnalysisError.unknownLayer(name: name, recorded: names)
    }
    return .stacked(
      try groups.map { tokens in
        tokens.isEmpty
          ? .zeros([layer.height, layer.width]) : try layerHeatmaps("", tokens: tokens, layers: [name])[0].values
      }, axis: 0)
  }

  /// Number of recorded token columns of a layer; 0 for a layer that was not recorded.
  public func tokenCount(inLayer name: String) -> Int { records[name]?.columns.count ?? 0 }

  /// One heatmap per step, in the order of `steps`, or ascending if `steps` is nil; needs ``Keeping/steps``.
  ///
  /// All heatmaps have the same size, but each has its own range of values;
  /// ``Heatmap/normalizedTogether(_:flat:)`` gives them a common scale.
  ///
  /// - Throws: As ``heatmap(_:tokens:layers:steps:heads:combining:overTokens:size:)``.
  public func sequence(
    _ label: String, tokens: some Collection<Int>, layers: [String]? = nil, steps: [Int]? = nil,
    heads: [Int]? = nil, combining combination: Combination = .mean, overTokens: Combination = .mean,
    size: (height: Int, width: Int)? = nil
  ) throws -> [Heatmap] {
    let chosen = self.layers.filter { layers?.contains($0.name) ?? true }
    let chosenSteps = steps
    let steps = steps ?? Set(chosen.flatMap(\.steps)).sorted()
    let largest = chosen.max { $0.height * $0.width < $1.height * $1.width }
    let size = size ?? largest.map { ($0.height, $0.width) }
    guard !steps.isEmpty else {
      // The list is empty, or no chosen layer was recorded: this throws.
      return [
        try heatmap(
          label, tokens: tokens, layers: layers, steps: chosenSteps, heads: heads, combining: combination,
          overTokens: overTokens, size: size)
      ]
    }
    return try steps.map {
      try heatmap(
        label, tokens: tokens, layers: layers, steps: [$0], heads: heads, combining: combination,
        overTokens: overTokens,
        size: size)
    }
  }

  /// The heatmap of one layer at its own size; nil if none of the chosen steps was recorded for this layer.
  private func layerHeatmap(
    _ record: Record, label: String, tokens: [Int], steps: [Int]?, heads: [Int]?, combination: Combination,
    overTokens: Combination
  ) throws -> Heatmap? {
    let layer = record.layer
    try AnalysisError.require(tokens, in: record.columns, kind: "\(layer.name): token columns")
    if let heads {
      try requireKept(heads, .heads, "\(layer.name): heads", among: Set(layer.recordedHeads))
    }
    let slots = record.sums.keys.sorted().filter { slot in
      (steps.map { $0.contains(slot.step ?? -1) } ?? true) && (heads.map { $0.contains(slot.head ?? -1) } ?? true)
    }
    if slots.isEmpty { return nil }
    var total = [Double](repeating: 0, count: layer.height * layer.width)
    var maps = 0
    for sums in slots.compactMap({ record.sums[$0] }) {
      maps += sums.maps
      for token in tokens {
        let column = token - record.columns.lowerBound
        for cell in total.indices { total[cell] += Double(sums.values[cell * record.columns.count + column]) }
      }
    }
    let divisor = TokenGroups.divisor(of: tokens.count, overTokens) * (combination == .mean ? Double(maps) : 1)
    let values = Tensor(total.map { Float($0 / divisor) }, shape: [layer.height, layer.width])
    let provenance = Heatmap.Provenance(
      tokens: tokens, layers: [layer.name], steps: layer.steps.filter { steps?.contains($0) ?? true },
      heads: heads?.sorted() ?? (layer.recordedHeads.count == layer.heads ? nil : layer.recordedHeads),
      combination: combination, overTokens: overTokens)
    return Heatmap(values, label: label, provenance: provenance)
  }

  private func requireKept(_ indices: [Int], _ part: Keeping, _ kind: String, among recorded: Set<Int>) throws {
    guard keeping.contains(part) else {
      throw AnalysisError.notRecorded(
        kind: kind, requested: indices,
        available: "only their sum; record with keeping: .\(part == .steps ? "steps" : "heads")")
    }
    guard !indices.isEmpty, indices.allSatisfy(recorded.contains) else {
      throw AnalysisError.notRecorded(kind: kind, requested: indices, available: "\(recorded.sorted())")
    }
  }
}
