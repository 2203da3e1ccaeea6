import Layers

// What the hook points of these models show.
extension HookKind {
  /// Softmax of the denoising network's positions over text tokens.
  public static let textAttention: HookKind = "textAttention"
  /// Softmax of positions or tokens over each other.
  public static let selfAttention: HookKind = "selfAttention"
  /// Output of a block or of a transformer layer.
  public static let blockOutput: HookKind = "blockOutput"
}
