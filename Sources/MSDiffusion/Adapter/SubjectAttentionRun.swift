import Analysis
import Layers
import Models
import Tensors

// Axes: B batch rows, H heads, Q positions, R subjects, K dummy and subject tokens, C width.

/// Multi-subject cross-attention of one run: each subject confined to its box or mask, dummy tokens elsewhere
/// (Eq. 2, 4–6). Everything gathered over the steps belongs to this object and ends with it.
public final class SubjectAttentionRun: CrossAttentionCompanion {
  /// Added to the logits of what must not be seen.
  static let closed: Float = -10_000

  private let layers: [String: SubjectAttention]
  private let rows: [SubjectRow]
  private let dummies: Int
  private let tokens: Int
  private let subjects: Int
  private let context: Tensor
  private let rowScales: Tensor
  private let columnScales: Tensor?
  private let options: LayoutOptions
  private var recorded: [String: RunningMaps] = [:]
  private var pseudoMasks: [String: Tensor] = [:]
  private var boxMasks: [FeatureGrid: Tensor] = [:]
  private var keysValues: [String: (key: Tensor, value: Tensor)] = [:]

  /// - Parameter rows: one a batch row; those with fewer subjects are padded with subjects that are nowhere.
  public convenience init(_ adapter: Adapter, rows: [SubjectRow], options: LayoutOptions = LayoutOptions()) {
    self.init(adapter.layers, dummies: adapter.dummies, tokens: adapter.tokens, rows: rows, options: options)
  }

  /// The same with layers that belong to no adapter.
  package init(_ layers: [SubjectAttention], dummies: Int, tokens: Int, rows: [SubjectRow], options: LayoutOptions) {
    let subjects = rows.map(\.boxes.count).max() ?? 0
    let keys = dummies + subjects * tokens
    self.layers = Dictionary(uniqueKeysWithValues: layers.map { ($0.layer.name, $0) })
    (self.dummies, self.tokens, self.subjects) = (dummies, tokens, subjects)
    (self.rows, self.options) = (rows, options)
    context = .stacked(
      rows.map { row in
        let missing = keys - row.context.shape[0]
        return missing == 0
          ? row.context : .concatenated([row.context, .zeros([missing, row.context.shape[1]])], axis: 0)
      }, axis: 0)
    rowScales = Tensor(rows.map { $0.subjectScales == nil ? $0.scale : 1 }, shape: [rows.count, 1, 1])
    columnScales =
      rows.allSatisfy { $0.subjectScales == nil }
      ? nil
      : .stacked(
        rows.map { row in
          let padding = [Float](repeating: 1, count: subjects - row.boxes.count)
          let scales = (row.subjectScales ?? row.boxes.map { _ in 1 }) + padding
          let columns = scales.flatMap { Array(repeating: $0, count: tokens) }
          return Tensor(Array(repeating: 1, count: dummies) + columns, shape: [keys, 1])
        }, axis: 0)
  }

  /// Where each subject is, `[B, R, Q]` of 0 and 1: the pseudo layout of a layer once it is there, else the boxes.
  func masks(in layer: CrossAttention, on grid: FeatureGrid) -> Tensor {
    if let masks = pseudoMasks[layer.name] { return masks.reshaped([rows.count, subjects, grid.count]) }
    if let masks = boxMasks[grid] { return masks }
    let masks = Tensor.stacked(
      rows.map { row in
        .stacked(
          (0..<subjects).map { subject in
            let box = subject < row.boxes.count ? row.boxes[subject] : .none
            let place = options.confinesSubjects || subject >= row.boxes.count ? box : .whole
            return place.mask(height: grid.height, width: grid.width).reshaped([grid.count])
          }, axis: 0)
      }, axis: 0)
    boxMasks[grid] = masks
    return masks
  }

  /// The masks in use in a layer, `[B, R, h, w]`; nil while its boxes are.
  public func pseudoLayoutMasks(inLayer name: String) -> Tensor? { pseudoMasks[name] }

  // MARK: Text attention

  public func textBias(in layer: CrossAttention, on grid: FeatureGrid, keys: Int) -> Tensor? {
    guard options.masksText, subjects > 0 else { return nil }
    let masks = masks(in: layer, on: grid)
    var bias = Tensor.zeros([rows.count, 1, grid.count, keys])
    masks.withUnsafeBuffer { inside in
      bias.withUnsafeMutableBuffer { bias in
        for (index, row) in rows.enumerated() {
          for (subject, span) in row.spans.enumerated() {
            for position in 0..<grid.count
            where inside[(index * subjects + subject) * grid.count + position] == 0 {
              for token in span { bias[(index * grid.count + position) * keys + token] = Self.closed }
            }
          }
        }
      }
    }
    return bias
  }

  public func wantsTextProbabilities(of layer: CrossAttention) -> Bool { options.pseudoLayout != nil && subjects > 0 }

  /// Keeps each phrase's map and, once enough are there, turns their mean into this layer's masks (appendix M).
  public func receive(textProbabilities: Tensor, of layer: CrossAttention, on grid: FeatureGrid) {
    guard let rule = options.pseudoLayout else { return }
    let maps = phraseMaps(textProbabilities).reshaped([rows.count, subjects, grid.height, grid.width])
    recorded[layer.name, default: RunningMaps(memory: rule.memory)].add(maps)
    if rule.fusion != nil {
      layOutTogether(rule)
    } else if let masks = recorded[layer.name].flatMap({ rule.masks(of: $0) }) {
      pseudoMasks[layer.name] = masks
    }
  }

  /// One layout for all layers, once all of them have seen the step.
  private func layOutTogether(_ rule: PseudoLayout) {
    let names = recorded.keys.sorted()
    let maps = names.compactMap { recorded[$0] }
    let isWholeStep = names.count == layers.count && Set(maps.map(\.count)).count == 1
    guard isWholeStep, let masks = rule.masks(of: maps) else { return }
    for (name, masks) in zip(names, masks) { pseudoMasks[name] = masks }
  }

  /// Mean over each phrase's tokens, then over heads: `[B, H, Q, K]` to `[B, R, Q]`; zero where there is no phrase.
  private func phraseMaps(_ probabilities: Tensor) -> Tensor {
    .stacked(
      rows.indices.map { row in
        let heads = probabilities.sliced(axis: 0, row..<(row + 1)).reshaped(Array(probabilities.shape.dropFirst()))
        return .stacked(
          (0..<subjects).map { subject in
            let spans = rows[row].spans
            guard subject < spans.count, !spans[subject].isEmpty else { return .zeros([probabilities.shape[2]]) }
            return heads.sliced(axis: 2, spans[subject]).mean(axes: [2]).mean(axes: [0])
          }, axis: 0)
      }, axis: 0)
  }

  // MARK: Subject attention

  public func attended(query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor? {
    guard subjects > 0, let subject = layers[layer.name] else { return nil }
    let masks = masks(in: layer, on: grid)
    let foreground = masks.maximum(axes: [1])  // [B, Q]
    let (key, projected) = keysAndValues(subject)
    let value = subject.values(projected, on: grid)
    if subject.unmaskedPattern.isWatched(on: grid) {
      _ = subject.unmaskedPattern(
        attentionProbabilities(query: query, key: key, heads: layer.heads, bias: nil), on: grid)
    }
    let isNowhere = options.zeroesBackground && foreground.values.allSatisfy { $0 == 0 }
    if isNowhere && !subject.pattern.isWatched(on: grid) { return nil }

    let inside = foreground.reshaped([rows.count, grid.count, 1])
    var isReplaced = false
    let watcher = subject.pattern.probabilities(on: grid)
    let observing: ((Tensor) -> Tensor?)? = watcher.map { watcher in
      { [options] probabilities in
        let shown =
          options.zeroesBackground ? probabilities * inside.reshaped([-1, 1, grid.count, 1]) : probabilities
        let replaced = watcher(shown)
        isReplaced = replaced != nil
        return replaced
      }
    }
    let attended = attention(
      query: query, key: key, value: columnScales.map { value * $0 } ?? value, heads: layer.heads,
      bias: bias(masks, foreground), observing: observing)  // Eq. 5
    let kept = options.zeroesBackground && !isReplaced ? attended * inside : attended  // Eq. 6
    return kept * rowScales  // Eq. 2
  }

  /// Attention to each subject as it is in use (Eq. 5, 6), mean over heads and over the subject's tokens, made beside the
  /// attention itself and differentiable: `[B, R, h, w]`; nil where the layer knows no subjects.
  package func subjectMaps(query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor? {
    guard subjects > 0, let subject = layers[layer.name] else { return nil }
    let masks = masks(in: layer, on: grid)
    let foreground = masks.maximum(axes: [1])  // [B, Q]
    let probabilities = attentionProbabilities(
      query: query, key: keysAndValues(subject).key, heads: layer.heads, bias: bias(masks, foreground))
    let columns = (0..<subjects).map { dummies + $0 * tokens..<dummies + ($0 + 1) * tokens }
    let maps = SpanMaps.mean(
      of: probabilities, spans: rows.map { _ in columns }, height: grid.height, width: grid.width)
    return options.zeroesBackground ? maps * foreground.reshaped([rows.count, 1, grid.height, grid.width]) : maps
  }

  /// 0 where a token may be seen, −10000 elsewhere, `[B, 1, Q, K]`: a subject's tokens inside its mask, dummies outside
  /// all masks (Eq. 4).
  private func bias(_ masks: Tensor, _ foreground: Tensor) -> Tensor {
    let positions = masks.shape[2]
    let keys = dummies + subjects * tokens
    return masks.withUnsafeBuffer { masks in
      foreground.withUnsafeBuffer { foreground in
        Tensor(shape: [rows.count, 1, positions, keys]) { bias in
          for row in rows.indices {
            for position in 0..<positions {
              let start = (row * positions + position) * keys
              let dummy: Float = foreground[row * positions + position] == 0 ? 0 : Self.closed
              for token in 0..<dummies { bias[start + token] = dummy }
              for subject in 0..<subjects {
                let open = masks[(row * subjects + subject) * positions + position] != 0
                let first = start + dummies + subject * tokens
                for token in first..<(first + tokens) { bias[token] = open ? 0 : Self.closed }
              }
            }
          }
        }
      }
    }
  }

  /// Keys and values stay the same over all steps.
  private func keysAndValues(_ subject: SubjectAttention) -> (key: Tensor, value: Tensor) {
    if let known = keysValues[subject.layer.name] { return known }
    let made = (key: subject.toSubjectK(context), value: subject.toSubjectV(context))
    keysValues[subject.layer.name] = made
    return made
  }
}
