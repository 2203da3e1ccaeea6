import Layers

// What the hook points of these models show.
extension HookKind {
  /// Softmax over text tokens, for each position in the denoising network.
  public static let textAttention: HookKind = "textAttention"
  /// Softmax over positions or tokens, for each position or token.
  public static let selfAttention: HookKind = "selfAttention"
  /// Output of a block or of a transformer layer.
  public static let blockOutput: HookKind = "blockOutput"
}
