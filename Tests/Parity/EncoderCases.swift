import Foundation
import Images
import JSON
import Layers
import MSDiffusion
import Models
import Tensors

extension ParityFolder {
  /// Decoding and the first resize of photographs.
  func photos(_ file: GoldenFile) throws {
    for key in file.keys(under: "photo.") {
      guard key.hasSuffix(".resized512") else { continue }
      let name = String(key.dropLast(".resized512".count))
      attempt("photo." + name) { try photo(name, try file.tensor("photo." + key, columns: 3, rank: 3)) }
    }
  }

  /// Compares one photograph with its golden pixels [height, width, 3].
  private func photo(_ name: String, _ golden: Tensor) throws {
    let image = try PixelImage(contentsOf: path + "/photos/" + name)
    let resized = image.resized(width: golden.shape[1], height: golden.shape[0], filter: .bicubic)
    let row = resized.width == image.width && resized.height == image.height ? "decoder" : "decoder and resize"
    report.compare(
      "photo.\(name): \(row)", resized.pixels.map(Double.init), with: golden.values.map(Double.init), .absolute(3))
    let total = zip(resized.pixels, golden.values).reduce(0.0) { $0 + abs(Double($1.0) - Double($1.1)) }
    report.compare(
      "photo.\(name): mean difference", [total / Double(max(resized.pixels.count, 1))], with: [0], .absolute(1))
  }

  /// Image preprocessing and the vision encoder.
  func vision(_ file: GoldenFile, _ settings: JSONNode) throws {
    guard let image = try pipeline().image else { return report.fail("vision", "the pipeline has no image encoder") }
    let names = try settings["photos"].strings()
    // Preprocessing starts from the golden 512 × 512 image if there is one, so that decoders don't matter.
    let references = try names.map { name -> PixelImage in
      let key = "photo.\(name).resized512"
      guard file.has(key) else { return try PixelImage(contentsOf: path + "/photos/" + name) }
      return pixels(try file.tensor(key))
    }
    let inputs = Tensor.stacked(references.map { image.processor($0) }, axis: 0)
    let golden = try file.tensor("vision.pixels")
    report.compare("vision.pixels", inputs, with: golden)
    let decoded = try names.map { image.processor(try PixelImage(contentsOf: path + "/photos/" + $0)) }
    report.compare("vision.pixels: from the files", .stacked(decoded, axis: 0), with: golden, .relative(0.03))
    let output = image.encoder(inputs)
    report.compare("vision.hidden_penultimate", output.penultimate, with: try file.tensor("vision.hidden_penultimate"))
    report.compare(
      "vision.last_hidden", output.hiddenStates[output.hiddenStates.count - 1],
      with: try file.tensor("vision.last_hidden"))
    report.compare("vision.image_embeds", output.imageEmbedding, with: try file.tensor("vision.image_embeds"))
    for key in file.keys(under: "vision.crop") where !key.contains("_means") {
      guard let dot = key.firstIndex(of: "."), let side = Int(key[..<dot]) else { continue }
      let name = String(key[key.index(after: dot)...])
      let golden = try file.tensor("vision.crop" + key)
      let photo = "photo.\(name).resized512"
      let reference =
        file.has(photo) ? pixels(try file.tensor(photo)) : try PixelImage(contentsOf: path + "/photos/" + name)
      let processor = CLIPImageProcessor(side: side)
      report.compare(
        "vision.crop" + key, processor.cropped(reference).pixels.map(Double.init), with: golden.values.map(Double.init),
        .absolute(1))
      let means = "vision.crop\(side)_means.\(name)"
      if file.has(means) {
        report.compare(means, processor(reference).mean(axes: [1, 2]), with: try file.tensor(means), .absolute(1e-3))
      }
    }
  }

  /// An image from a golden tensor [height, width, 3] of bytes.
  private func pixels(_ tensor: Tensor) -> PixelImage {
    PixelImage(width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.values.map { UInt8($0) })
  }

  /// Both text encoders.
  func texts(_ file: GoldenFile, _ settings: JSONNode) throws {
    let prompts = try settings["prompts"].strings()
    for (index, branch) in try pipeline().text.enumerated() {
      let prefix = "text\(index + 1)."
      guard file.has(prefix + "ids") else { continue }
      let golden = try file.tensor(prefix + "ids")
      let ids = prompts.map { branch.tokenizer.encode($0, length: golden.shape[1]).ids }
      report.compare(prefix + "ids", ids.flatMap { $0 }, with: try file.integers(prefix + "ids"))
      let output = branch.encoder(ids)
      report.compare(prefix + "last_hidden", output.lastHidden, with: try file.tensor(prefix + "last_hidden"))
      report.compare(
        prefix + "hidden_penultimate", output.penultimate, with: try file.tensor(prefix + "hidden_penultimate"))
      report.compare(prefix + "pooled", output.pooled, with: try file.tensor(prefix + "pooled"))
      if file.has(prefix + "projected") {
        guard let projected = output.projected else {
          report.fail(prefix + "projected", "the text encoder has no projection")
          continue
        }
        report.compare(prefix + "projected", projected, with: try file.tensor(prefix + "projected"))
      }
    }
  }

  /// Encoding to and decoding from latents.
  func vae(_ file: GoldenFile) throws {
    let vae = try pipeline().vae
    let image = try file.tensor("vae.image", rank: 4)
    let latents = try file.tensor("vae.decode_in", rank: 4)
    let (imageChannels, latentChannels) = (vae.configuration.imageChannels, vae.configuration.latentChannels)
    guard image.shape[1] == imageChannels, latents.shape[1] == latentChannels else {
      throw ParityError.unfit(
        "vae", expected: "\(imageChannels) image channels and \(latentChannels) latent channels",
        found: "shapes \(image.shape) and \(latents.shape)")
    }
    let posterior = vae.encode(image)
    report.compare("vae.mean", posterior.mean, with: try file.tensor("vae.mean"))
    report.compare("vae.logvar", posterior.logVariance, with: try file.tensor("vae.logvar"))
    let sample = posterior.sample(noise: try file.tensor("vae.sample_noise", posterior.mean.shape))
    report.compare("vae.sample", sample, with: try file.tensor("vae.sample"))
    report.compare(
      "vae.decode_out", vae.decode(latents), with: try file.tensor("vae.decode_out"))
  }
}
