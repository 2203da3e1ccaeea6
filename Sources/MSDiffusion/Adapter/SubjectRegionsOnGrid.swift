import Analysis
import Layers
import Tensors

extension SubjectRegions {
  /// The fraction of each cell of a feature map that a subject covers, `[B, R, h, w]`.
  package func covered(on grid: FeatureGrid, subjects: Int) -> Tensor {
    covered(height: grid.height, width: grid.width, subjects: subjects)
  }
}
