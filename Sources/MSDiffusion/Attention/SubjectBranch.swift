import Layers
import Models
import Tensors

// Axes: B batch rows, Q positions, R subjects, K dummy and subject tokens, C width.

/// Multi-subject cross-attention next to text attention: positions inside a subject's mask attend to that subject, all
/// other positions to the dummy tokens.
public struct SubjectBranch: AttentionBranch {
  /// Where the subjects are in each layer.
  public let layout: SubjectLayout
  private let layers: [String: Projected]
  private let scales: SubjectScales

  /// `softmax(Q Kᵀ / √d + M) V` of the subjects' tokens, zero outside all masks, times γ.
  public func callAsFunction(_ query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor? {
    guard let projected = layers[layer.name] else { return nil }
    let (key, value) = projected.keysAndValues(on: grid)  // [B, K, C] each
    let masks = layout.masks(in: layer, on: grid)
    projected.observe(query, key, value, masks, scales, in: layer, on: grid)
    if masks.isEmpty, !projected.points.pattern.isObserved(on: grid) { return nil }

    let bias = masks.bias  // Eq. 4: 0 for the tokens of a subject inside its mask, −10000 elsewhere, [B, 1, Q, K]
    let attended = projected.points.pattern.attend(  // Eq. 5
      query, key, scales.ofColumns(value), bias: bias, keeping: masks.foreground, on: grid)  // Eq. 6
    return attended * scales.ofRows  // Eq. 2: γ
  }
}

extension SubjectBranch {
  /// - Parameters:
  ///   - layers: keys and values next to each cross-attention layer.
  ///   - dummies: dummy tokens at the start of each row's context.
  ///   - tokens: tokens per subject.
  ///   - rows: one per batch row; those with fewer subjects are padded with subjects whose mask is empty.
  package init(
    _ layers: [SubjectAttention], dummies: Int, tokens: Int, rows: [SubjectRow],
    options: LayoutOptions = LayoutOptions()
  ) {
    let columns = SubjectColumns(dummies: dummies, tokens: tokens, subjects: rows.map(\.boxes.count).max() ?? 0)
    layout = SubjectLayout(rows, columns: columns, options: options, layers: layers.count)
    scales = SubjectScales(rows, columns: columns)
    let context = Tensor.stacked(rows.map { $0.context(of: columns.count) }, axis: 0)  // [B, K, context width]
    self.layers = Dictionary(uniqueKeysWithValues: layers.map { ($0.layer.name, Projected($0, context)) })
  }

  public init(_ adapter: Adapter, rows: [SubjectRow], options: LayoutOptions = LayoutOptions()) {
    self.init(adapter.layers, dummies: adapter.dummies, tokens: adapter.tokens, rows: rows, options: options)
  }

  /// Keys and values of one layer, which stay the same over all steps.
  private struct Projected {
    let points: SubjectAttention
    private let key, value: Tensor  // [B, K, C]

    init(_ points: SubjectAttention, _ context: Tensor) {
      (self.points, key, value) = (points, points.toSubjectK(context), points.toSubjectV(context))
    }

    func keysAndValues(on grid: FeatureGrid) -> (key: Tensor, value: Tensor) { (key, points.values(value, on: grid)) }

    /// Computes for observers only: attention without masks, and the norm of what each subject adds.
    func observe(
      _ query: Tensor, _ key: Tensor, _ value: Tensor, _ masks: SubjectMasks, _ scales: SubjectScales,
      in layer: CrossAttention, on grid: FeatureGrid
    ) {
      if points.unmaskedPattern.isObserved(on: grid) {
        _ = points.unmaskedPattern(attentionProbabilities(query: query, key: key, heads: layer.heads), on: grid)
      }
      if points.contribution.isObserved(on: grid) {
        let probabilities = attentionProbabilities(query: query, key: key, heads: layer.heads, bias: masks.bias)
        _ = points.contribution(scales.contributions(probabilities, value, masks, through: layer.toOut), on: grid)
      }
    }
  }
}

/// The order of a row's context columns: dummy tokens first, then the tokens of each subject.
public struct SubjectColumns: Sendable, Equatable {
  public let dummies: Int
  /// Tokens per subject.
  public let tokens: Int
  public let subjects: Int

  public init(dummies: Int, tokens: Int, subjects: Int) {
    (self.dummies, self.tokens, self.subjects) = (dummies, tokens, subjects)
  }

  /// All columns.
  public var count: Int { dummies + subjects * tokens }

  public subscript(subject: Int) -> Range<Int> {
    dummies + subject * tokens..<dummies + (subject + 1) * tokens
  }

  public var ofSubjects: [Range<Int>] { (0..<subjects).map { self[$0] } }
}
