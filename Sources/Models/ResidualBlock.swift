import Layers
import Tensors

// Axes: B batch, C channels, H height, W width, E embedding.

/// Two normalised convolutions with a residual connection around them. The time embedding, if there is one, is added
/// between the convolutions.
struct ResidualBlock: Sendable {
  let norm1, norm2: GroupNorm
  let conv1, conv2: Conv2d
  let timeProjection: Linear?
  let shortcut: Conv2d?

  init(_ scope: Scope, _ inputs: Int, _ outputs: Int, time: Int?, groups: Int, epsilon: Float) throws {
    norm1 = try GroupNorm(scope["norm1"], channels: inputs, groups: groups, epsilon: epsilon)
    conv1 = try Conv2d(scope["conv1"], inputs, outputs, kernel: 3, padding: 1)
    timeProjection = try time.map { try Linear(scope["time_emb_proj"], $0, outputs) }
    norm2 = try GroupNorm(scope["norm2"], channels: outputs, groups: groups, epsilon: epsilon)
    conv2 = try Conv2d(scope["conv2"], outputs, outputs, kernel: 3, padding: 1)
    shortcut = inputs == outputs ? nil : try Conv2d(scope["conv_shortcut"], inputs, outputs, kernel: 1)
  }

  /// `[B, inputs, H, W]` to `[B, outputs, H, W]`; `embedding` is `[B, E]` after SiLU.
  func callAsFunction(_ x: Tensor, embedding: Tensor? = nil) -> Tensor {
    var y = conv1(norm1(x, silu: true))
    if let timeProjection, let embedding {
      let shift = timeProjection(embedding)
      y = y + shift.reshaped(shift.shape + [1, 1])
    }
    y = conv2(norm2(y, silu: true))
    return (shortcut.map { $0(x) } ?? x) + y
  }
}
