import Checkpoints
import Layers
import MSDiffusion

extension Pipeline {
  /// All weights of a part of the pipeline's checkpoint, sorted by key; empty if there is no such part.
  public func weights(of part: ModelPart) -> [Parameter] {
    sources[part]?.parameters.sorted { $0.key < $1.key }.map(\.value) ?? []
  }
}
