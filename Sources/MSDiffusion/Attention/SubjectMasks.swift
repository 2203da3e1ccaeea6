import Analysis
import Layers
import Tensors

// Axes: B batch rows, Q positions, R subjects, K dummy and subject tokens.

/// The subjects' masks on one feature map, and the attention bias that follows from them.
public struct SubjectMasks: Sendable {
  /// Added to the logits of tokens that a position must not attend to.
  static let closed: Float = -10_000

  /// 1 at the positions of each subject, 0 elsewhere: `[B, R, Q]`.
  public let subjects: Tensor
  /// 0 for a subject's tokens inside its mask and for dummy tokens outside all masks, −10000 elsewhere (Eq. 4).
  /// `[B, 1, Q, K]`.
  let bias: Tensor
  /// 1 inside any mask, 0 elsewhere (Eq. 6), `[B, Q, 1]`; nil if the background attends to the dummy tokens.
  let foreground: Tensor?
  /// Whether the branch adds nothing: no position of any row is in a mask, and the background stays zero.
  let isEmpty: Bool

  init(_ subjects: Tensor, columns: SubjectColumns, zeroesBackground: Bool) {
    let (rows, positions) = (subjects.shape[0], subjects.shape[2])
    let inside = subjects.maximum(axes: [1])  // [B, Q]
    self.subjects = subjects
    foreground = zeroesBackground ? inside.reshaped([rows, positions, 1]) : nil
    isEmpty = zeroesBackground && inside.values.allSatisfy { $0 == 0 }
    bias = Self.bias(subjects, inside, columns)
  }

  private static func bias(_ subjects: Tensor, _ inside: Tensor, _ columns: SubjectColumns) -> Tensor {
    let (rows, count, positions) = (subjects.shape[0], subjects.shape[1], subjects.shape[2])
    return subjects.withUnsafeBuffer { masks in
      inside.withUnsafeBuffer { inside in
        Tensor(shape: [rows, 1, positions, columns.count]) { bias in
          for row in 0..<rows {
            for position in 0..<positions {
              let start = (row * positions + position) * columns.count
              let dummy: Float = inside[row * positions + position] == 0 ? 0 : closed
              for token in 0..<columns.dummies { bias[start + token] = dummy }
              for subject in 0..<count {
                let isOpen = masks[(row * count + subject) * positions + position] != 0
                for token in columns[subject] { bias[start + token] = isOpen ? 0 : closed }
              }
            }
          }
        }
      }
    }
  }
}
