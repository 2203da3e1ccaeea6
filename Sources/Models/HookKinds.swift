import Layers

// Kinds of tensors at the hook points of these models.
extension HookKind {
  /// Attention weights over text tokens, for each position of a feature map in the denoising network.
  public static let textAttention: HookKind = "textAttention"
  /// Self-attention weights: for each position (image) or token (text), a softmax over all of them.
  public static let selfAttention: HookKind = "selfAttention"
  /// Output of a block or of a transformer layer.
  public static let blockOutput: HookKind = "blockOutput"
}
