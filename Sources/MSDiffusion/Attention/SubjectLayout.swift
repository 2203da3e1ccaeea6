import Analysis
import Layers
import Models
import Synchronization
import Tensors

// Axes: B batch rows, R subjects, h and w of a layer's feature map.

/// Where the subjects of a batch are in each layer: in their boxes, until the layer has a pseudo layout (appendix M).
///
/// Use one instance per generation or training batch.
public final class SubjectLayout: Sendable {
  public let options: LayoutOptions
  public let columns: SubjectColumns
  private let rows: [SubjectRow]
  private let layers: Int
  private let state = Mutex(State())

  private struct State {
    /// Pseudo layouts by layer.
    var pseudoLayouts: [String: SubjectMasks] = [:]
    var boxes: [FeatureGrid: SubjectMasks] = [:]
    /// Means of the text maps of the steps so far, by layer.
    var maps: [String: RunningMaps] = [:]
  }

  /// - Parameter layers: number of cross-attention layers.
  init(_ rows: [SubjectRow], columns: SubjectColumns, options: LayoutOptions, layers: Int) {
    (self.rows, self.columns, self.options, self.layers) = (rows, columns, options, layers)
  }

  /// The masks that a layer uses in the current step.
  public func masks(in layer: CrossAttention, on grid: FeatureGrid) -> SubjectMasks {
    if let known = state.withLock({ $0.pseudoLayouts[layer.name] ?? $0.boxes[grid] }) { return known }
    let boxMasks = masks(
      .stacked(rows.map { row in .stacked(boxes(of: row).map { $0.mask(on: grid) }, axis: 0) }, axis: 0))
    state.withLock { $0.boxes[grid] = boxMasks }
    return boxMasks
  }

  private func masks(_ subjects: Tensor) -> SubjectMasks {
    SubjectMasks(
      subjects.reshaped([rows.count, columns.subjects, -1]), columns: columns,
      zeroesBackground: options.zeroesBackground)
  }

  /// A row's boxes, padded with `.none` for missing subjects; the whole image if subjects are not confined.
  private func boxes(of row: SubjectRow) -> [Box] {
    let rowBoxes = options.confinesSubjects ? row.boxes : row.boxes.map { _ in .whole }
    return rowBoxes + [Box](repeating: .none, count: columns.subjects - rowBoxes.count)
  }

  // MARK: Pseudo layout

  /// The hook that observes text attention and updates the pseudo layout; it must be among the run's observers. nil if
  /// the options ask for no pseudo layout.
  public var observer: Hook? {
    options.pseudoLayout.map { rule in
      AttentionGatherer(.text, samples: .allRows).hook { [self] attention in
        try add(attention.phraseMaps(rows.map(spans)), of: attention.layer, rule)
      }
    }
  }

  private func spans(of row: SubjectRow) -> [Range<Int>] {
    row.spans + [Range<Int>](repeating: 0..<0, count: columns.subjects - row.spans.count)
  }

  /// Adds one layer's maps of a step, `[B, R, h, w]`. From the rule's start step on, the layer's masks are computed
  /// from the mean over the steps so far. A rule that fuses layers computes the masks of all layers together, as soon
  /// as the maps of all layers have been added for the step.
  private func add(_ maps: Tensor, of layer: String, _ rule: PseudoLayout) throws {
    try maps.checkFinite(place: "text attention of \(layer)")
    let newMasks = state.withLock { state -> [String: Tensor] in
      state.maps[layer, default: RunningMaps(decay: rule.decay)].add(maps)
      guard rule.fusion != nil else {
        return state.maps[layer].flatMap { rule.masks(of: $0) }.map { [layer: $0] } ?? [:]
      }
      let names = state.maps.keys.sorted()
      let all = names.compactMap { state.maps[$0] }
      let isWholeStep = names.count == layers && Set(all.map(\.count)).count == 1
      guard isWholeStep, let masks = rule.masks(of: all) else { return [:] }
      return Dictionary(uniqueKeysWithValues: zip(names, masks))
    }
    let masks = newMasks.mapValues { self.masks($0) }
    state.withLock { $0.pseudoLayouts.merge(masks) { _, new in new } }
  }

  /// The mean of a layer's text maps over the steps so far, with the rule's weights, `[B, R, h, w]`; nil before the
  /// first step, and if the options ask for no pseudo layout.
  public func textMaps(inLayer name: String) -> Tensor? { state.withLock { $0.maps[name]?.mean } }

  /// The masks of a layer's pseudo layout, 0 or 1, `[B, R, h, w]`; nil as long as the layer uses boxes.
  public func pseudoLayout(inLayer name: String) -> Tensor? {
    state.withLock { state in
      guard let masks = state.pseudoLayouts[name], let shape = state.maps[name]?.mean?.shape else { return nil }
      return masks.subjects.reshaped(shape)
    }
  }
}

extension Box {
  /// 1 for each position inside the box, 0 for each outside: `[h·w]`.
  func mask(on grid: FeatureGrid) -> Tensor { mask(height: grid.height, width: grid.width).reshaped([grid.count]) }
}
