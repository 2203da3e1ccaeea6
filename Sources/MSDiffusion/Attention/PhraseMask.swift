import Analysis
import Layers
import Models
import Synchronization
import Tensors

// Axes: B batch rows, Q positions, K text tokens.

/// Masked text attention (appendix K): only positions inside a subject's box attend to the tokens of its phrase.
///
/// As published, the mask is always the scene's box, never a pseudo layout. For tokens that belong to two phrases, the
/// box of the later subject counts.
final class PhraseMask: TextMask, Sendable {
  private let rows: [SubjectRow]
  private let tokens: Int
  private let known = Mutex<[FeatureGrid: Tensor]>([:])

  /// - Parameter tokens: number of text tokens.
  init(_ rows: [SubjectRow], tokens: Int) { (self.rows, self.tokens) = (rows, tokens) }

  func bias(on grid: FeatureGrid) -> Tensor {
    if let bias = known.withLock({ $0[grid] }) { return bias }
    var bias = Tensor.zeros([rows.count, 1, grid.count, tokens])
    bias.withUnsafeMutableBuffer { bias in
      for (index, row) in rows.enumerated() {
        for (box, span) in zip(row.boxes, row.spans) {
          let inside = box.mask(on: grid).values
          for position in 0..<grid.count {
            for token in span {
              bias[(index * grid.count + position) * tokens + token] = inside[position] == 0 ? SubjectMasks.closed : 0
            }
          }
        }
      }
    }
    known.withLock { $0[grid] = bias }
    return bias
  }
}
