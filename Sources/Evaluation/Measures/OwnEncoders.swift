import Images
import MSDiffusion
import Tensors

/// Similarities computed with the model's own encoders, like CLIP-I and CLIP-T. These encoders took part in training,
/// so the values are reported without a target.
struct OwnEncoders {
  let pipeline: Pipeline

  /// Cosine similarity between an image and a text; nil if there is no image encoder, if the embeddings differ in
  /// width, or if one of them is zero.
  func textLikeness(_ image: PixelImage, _ text: String) -> Double? {
    guard let encoder = pipeline.image, let branch = pipeline.text.last else { return nil }
    let ids = branch.tokenizer.encode(text, length: branch.encoder.configuration.positions).ids
    let output = branch.encoder([ids])
    let pixels = Tensor.stacked([encoder.processor(image)], axis: 0)
    return Self.cosine(encoder.encoder(pixels).imageEmbedding, output.projected ?? output.pooled)
  }

  /// Cosine similarity between two images; nil if there is no image encoder or an embedding is zero.
  func imageLikeness(_ first: PixelImage, _ second: PixelImage) -> Double? {
    guard let encoder = pipeline.image else { return nil }
    let pixels = Tensor.stacked([first, second].map { encoder.processor($0) }, axis: 0)
    let embeddings = encoder.encoder(pixels).imageEmbedding.split(axis: 0, sizes: [1, 1])
    return Self.cosine(embeddings[0], embeddings[1])
  }

  private static func cosine(_ a: Tensor, _ b: Tensor) -> Double? {
    guard a.count == b.count else { return nil }
    let (x, y) = (a.values.map(Double.init), b.values.map(Double.init))
    func product(_ u: [Double], _ v: [Double]) -> Double { zip(u, v).reduce(0) { $0 + $1.0 * $1.1 } }
    let length = (product(x, x) * product(y, y)).squareRoot()
    return length > 0 ? product(x, y) / length : nil
  }
}
