import Layers
import MSDiffusion

extension Pipeline {
  /// All weights of a part of the pipeline's folder, sorted by key: `unet`, `vae`, `ms_adapter` and so on; none where
  /// there is no such part.
  public func weights(of part: String) -> [Parameter] {
    sources[part]?.parameters.sorted { $0.key < $1.key }.map(\.value) ?? []
  }
}
