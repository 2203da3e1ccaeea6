import Analysis
import Layers
import Tensors

// Axes: B batch rows, H heads, Q positions, R subjects, K dummy and subject tokens, C width.

/// How strongly subjects act: γ for all of a row's subjects (Eq. 2), or one scale per subject after the softmax.
struct SubjectScales {
  /// γ of each row, or 1 for a row whose subjects have separate scales: `[B, 1, 1]`.
  let ofRows: Tensor
  /// The scale of each column, `[B, K, 1]`; nil if no subject of any row has a separate scale.
  private let columns: Tensor?
  private let subjects: [Range<Int>]

  init(_ rows: [SubjectRow], columns: SubjectColumns) {
    subjects = columns.ofSubjects
    ofRows = Tensor(rows.map { $0.subjectScales == nil ? $0.scale : 1 }, shape: [rows.count, 1, 1])
    self.columns =
      rows.allSatisfy { $0.subjectScales == nil }
      ? nil
      : .stacked(
        rows.map { row in
          let rowScales = row.subjectScales ?? row.boxes.map { _ in 1 }
          let padded = rowScales + [Float](repeating: 1, count: columns.subjects - rowScales.count)
          let each = padded.flatMap { Array(repeating: $0, count: columns.tokens) }
          return Tensor(Array(repeating: 1, count: columns.dummies) + each, shape: [columns.count, 1])
        }, axis: 0)
  }

  /// Values `[B, K, C]`, each subject's values multiplied by the subject's scale.
  func ofColumns(_ value: Tensor) -> Tensor { columns.map { value * $0 } ?? value }

  /// The norm of what each subject adds to each position, ‖γ W_O A_r V_r‖: `[B, Q, R]`.
  func contributions(_ probabilities: Tensor, _ value: Tensor, _ masks: SubjectMasks, through toOut: Linear) -> Tensor {
    let norms = ValueContribution.perGroup(
      probabilities: probabilities, values: ofColumns(value), groups: subjects.map(Array.init),
      outputWeight: toOut.weight.value)
    return (masks.foreground.map { norms * $0 } ?? norms) * ofRows.abs()
  }
}
