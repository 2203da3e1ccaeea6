import Checkpoints
import Layers
import MSDiffusion

extension Pipeline {
  /// All weights of a part that the pipeline uses, sorted by key; empty if the pipeline has no such part.
  public func weights(of part: ModelPart) -> [Parameter] {
    sources[part]?.parameters.sorted { $0.key < $1.key }.map(\.value) ?? []
  }
}
