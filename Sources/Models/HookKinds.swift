import Layers

// The kinds of tensors that the hook points of these models pass to hooks.
extension HookKind {
  /// Softmax over text tokens, for each position of a feature map in the denoising network.
  public static let textAttention: HookKind = "textAttention"
  /// Softmax over all positions of an image, or all tokens of a text, for each position or token.
  public static let selfAttention: HookKind = "selfAttention"
  /// The output of a block, a transformer, an embedding or the first convolution.
  public static let blockOutput: HookKind = "blockOutput"
}
