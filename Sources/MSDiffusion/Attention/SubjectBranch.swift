import Layers
import Models
import Tensors

// Axes: B batch rows, Q positions, R subjects, K dummy and subject tokens, C width.

/// Multi-subject cross-attention next to text attention: positions inside a subject's mask attend to that subject, and
/// positions outside all masks to the dummy tokens.
public struct SubjectBranch: AttentionBranch {
  /// Where the subjects are in each layer.
  public let layout: SubjectLayout
  private let layers: [String: Projected]
  private let scales: SubjectScales

  /// γ · `softmax(Q Kᵀ / √d + M) V` over dummy and subject tokens; zero outside all masks, unless the options let dummy
  /// tokens act there. nil if there is nothing to add.
  public func callAsFunction(_ query: Tensor, in layer: CrossAttention, on grid: FeatureGrid) -> Tensor? {
    guard let projected = layers[layer.name] else { return nil }
    let (key, value) = projected.keysAndValues(on: grid)  // [B, K, C] each
    let masks = layout.masks(in: layer, on: grid)
    projected.observe(query, key, value, masks, scales, in: layer, on: grid)
    if masks.isEmpty, !projected.points.pattern.isObserved(on: grid) { return nil }

    let bias = masks.bias  // Eq. 4: 0 for tokens that a position attends to, −10000 for all others, [B, 1, Q, K]
    let attended = projected.points.pattern.attend(  // Eq. 5
      query, key, scales.ofColumns(value), bias: bias, keeping: masks.foreground, on: grid)  // Eq. 6
    return attended * scales.ofRows  // Eq. 2: γ
  }
}

extension SubjectBranch {
  /// - Parameters:
  ///   - layers: the subject branch of each cross-attention layer.
  ///   - dummies: number of dummy tokens at the start of each row's context.
  ///   - tokens: number of tokens per subject.
  ///   - rows: one per batch row. Rows with fewer subjects than others are padded with subjects whose mask is empty.
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

  /// - Parameter rows: one per batch row. Rows with fewer subjects than others are padded with subjects whose mask is
  ///   empty.
  public init(_ adapter: Adapter, rows: [SubjectRow], options: LayoutOptions = LayoutOptions()) {
    self.init(adapter.layers, dummies: adapter.dummies, tokens: adapter.tokens, rows: rows, options: options)
  }

  /// Keys and values of one layer; they are the same in all steps.
  private struct Projected {
    let points: SubjectAttention
    private let key, value: Tensor  // [B, K, C]

    init(_ points: SubjectAttention, _ context: Tensor) {
      (self.points, key, value) = (points, points.toSubjectK(context), points.toSubjectV(context))
    }

    func keysAndValues(on grid: FeatureGrid) -> (key: Tensor, value: Tensor) { (key, points.values(value, on: grid)) }

    /// Passes attention without masks, and the norm of what each subject adds, to observers. Neither is computed if it
    /// is not observed.
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

/// The order of the columns in subject attention: dummy tokens first, then the tokens of each subject.
public struct SubjectColumns: Sendable, Equatable {
  /// Number of dummy tokens.
  public let dummies: Int
  /// Number of tokens per subject.
  public let tokens: Int
  /// Number of subjects.
  public let subjects: Int

  public init(dummies: Int, tokens: Int, subjects: Int) {
    (self.dummies, self.tokens, self.subjects) = (dummies, tokens, subjects)
  }

  /// Number of all columns.
  public var count: Int { dummies + subjects * tokens }

  /// The columns of a subject's tokens.
  public subscript(subject: Int) -> Range<Int> {
    dummies + subject * tokens..<dummies + (subject + 1) * tokens
  }

  /// The columns of every subject's tokens, one range per subject.
  public var ofSubjects: [Range<Int>] { (0..<subjects).map { self[$0] } }
}
