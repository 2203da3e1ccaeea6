import Layers
import Tensors

// Axes: B batch, N tokens, C width, H heads.

/// The transformer of CLIP's text and vision encoders: pre-norm blocks of self-attention and a two-layer network.
struct CLIPTransformer: Sendable {
  struct Sizes: Sendable {
    var width: Int
    var inner: Int
    var heads: Int
    var layers: Int
    var epsilon: Float
    var activation: Activation
  }

  let layers: [CLIPLayer]

  init(_ scope: Scope, _ sizes: Sizes) throws {
    guard sizes.heads > 0, sizes.width % sizes.heads == 0 else {
      throw ParameterError.unsupported(
        component: scope.component, option: "num_attention_heads", found: "\(sizes.heads)",
        supported: "a divisor of hidden_size \(sizes.width)")
    }
    layers = try (0..<sizes.layers).map { try CLIPLayer(scope["layers"][$0], sizes) }
  }

  /// All hidden states `[B, N, C]`, or only the last two: the input first, then the output of every layer.
  func callAsFunction(_ x: Tensor, causal: Bool, keepsAllStates: Bool = true) -> [Tensor] {
    var states = [x]
    for layer in layers {
      states.append(layer(states[states.count - 1], causal: causal))
      if !keepsAllStates, states.count > 2 { states.removeFirst() }
    }
    return states
  }
}

/// One pre-norm block of a CLIP transformer.
struct CLIPLayer: Sendable {
  let norm1, norm2: LayerNorm
  let toQ, toK, toV, toOut, fc1, fc2: Linear
  let activation: Activation
  let pattern, output: HookPoint

  init(_ scope: Scope, _ sizes: CLIPTransformer.Sizes) throws {
    let attention = scope["self_attn"]
    norm1 = try LayerNorm(scope["layer_norm1"], sizes.width, epsilon: sizes.epsilon)
    toQ = try Linear(attention["q_proj"], sizes.width, sizes.width)
    toK = try Linear(attention["k_proj"], sizes.width, sizes.width)
    toV = try Linear(attention["v_proj"], sizes.width, sizes.width)
    toOut = try Linear(attention["out_proj"], sizes.width, sizes.width)
    norm2 = try LayerNorm(scope["layer_norm2"], sizes.width, epsilon: sizes.epsilon)
    fc1 = try Linear(scope["mlp"]["fc1"], sizes.width, sizes.inner)
    fc2 = try Linear(scope["mlp"]["fc2"], sizes.inner, sizes.width)
    activation = sizes.activation
    pattern = attention.hook("pattern", .selfAttention, heads: sizes.heads, axes: .batch, .head, .query, .key)
    output = scope.hook("output", .blockOutput, axes: .batch, .token, .channel)
  }

  /// `[B, N, C]` to `[B, N, C]`.
  func callAsFunction(_ x: Tensor, causal: Bool) -> Tensor {
    let y = norm1(x)
    let attended = pattern.attend(toQ(y), toK(y), toV(y), causal: causal)
    let x = x + toOut(attended)
    return output(x + fc2(activation(fc1(norm2(x)))))
  }
}
