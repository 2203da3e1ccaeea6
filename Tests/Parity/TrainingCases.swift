import Analysis
import Checkpoints
import Foundation
import Images
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import Training

// Axes: B samples, R subjects a sample with padding.

extension ParityFolder {
  /// `training/`: one batch from its texts and photographs on, loss and gradients, and three steps of AdamW.
  func training() throws {
    let names = Self.files(in: path + "/training")
    for name in names where !["batch.json", "batch.safetensors"].contains(name) {
      report.fail("training/" + name, "this file is not known, so it was not compared")
    }
    let file = try GoldenFile(path, "training/batch.safetensors")
    let settings = try json("training/batch.json")
    let pipeline = try freshPipeline()
    try trainingInputs(file, settings, pipeline)
    let batch = try GoldenBatch(file, settings, pipeline)
    report.compare("training: noisy_latents", batch.noised, with: try file.tensor("noisy_latents"))
    report.compare("training: noise_pred", try batch.predicted(), with: try file.tensor("noise_pred"))
    try trainingSteps(file, settings, pipeline, batch)
    file.finish(report)
  }

  /// What texts and photographs become.
  private func trainingInputs(_ file: GoldenFile, _ settings: JSONNode, _ pipeline: Pipeline) throws {
    let prompts = try settings["prompts"].strings()
    let phrases = try settings["phrases"].array().map { try $0.strings() }
    let photos = try settings["photos"].array().map { try $0.strings() }
    for (suffix, branch) in zip(["", "_2"], pipeline.text) {
      let ids = prompts.flatMap { branch.tokenizer.encode($0, length: branch.encoder.configuration.positions).ids }
      report.compare("training: text_ids" + suffix, ids, with: try file.integers("text_ids" + suffix))
    }
    var warnings: [String] = []
    let encoded = prompts.map { pipeline.encode(prompt: $0, as: "prompt", warnings: &warnings) }
    report.compare("training: text", .stacked(encoded.map(\.text), axis: 0), with: try file.tensor("text"))
    report.compare("training: pooled", .stacked(encoded.map(\.pooled), axis: 0), with: try file.tensor("pooled"))

    let places = try file.tensor("ref_attention_mask").shape[1]
    let branch = pipeline.text[0]
    let length = branch.encoder.configuration.positions
    let finder = PhraseFinder(tokenizer: branch.tokenizer, mode: .published, length: length)
    var (ids, spans, mask): ([Int], [Int], [Int]) = ([], [], [])
    for (prompt, phrases) in zip(prompts, phrases) {
      let padding = places - phrases.count
      ids +=
        phrases.flatMap { branch.tokenizer.encode($0, length: length).ids }
        + Array(repeating: 0, count: padding * length)
      spans += finder.spans(of: phrases, in: prompt).flatMap { found -> [Int] in
        guard case .success(let span) = found else { return [0, 0] }
        return [span.lowerBound, span.upperBound]
      }
      spans += Array(repeating: 0, count: 2 * padding)
      mask += phrases.map { _ in 1 } + Array(repeating: 0, count: padding)
    }
    report.compare("training: phrase_ids", ids, with: try file.integers("phrase_ids"))
    report.compare("training: spans", spans, with: try file.integers("spans"))
    report.compare("training: ref_attention_mask", mask, with: try file.integers("ref_attention_mask"))
    let rows = stride(from: 0, to: ids.count, by: length).map { Array(ids[$0..<$0 + length]) }
    report.compare("training: phrase_embeds", branch.encoder(rows).pooled, with: try file.tensor("phrase_embeds"))

    guard let image = pipeline.image else {
      return report.fail("training: image_features", "there is no image encoder")
    }
    let features = try photos.flatMap { photos -> [Tensor] in
      let shown = try photos.map { image.processor(try PixelImage(contentsOf: path + "/" + $0)) }
      let empty = Tensor.zeros(shown[0].shape)
      return (shown + Array(repeating: empty, count: places - shown.count)).map {
        image.encoder(.stacked([$0], axis: 0)).penultimate
      }
    }
    report.compare(
      "training: image_features", .concatenated(features, axis: 0), with: try file.tensor("image_features"))
  }

  /// Loss before each of the steps, gradients of the first, and weights after the last.
  private func trainingSteps(
    _ file: GoldenFile, _ settings: JSONNode, _ pipeline: Pipeline, _ batch: GoldenBatch
  ) throws {
    let weights = pipeline.weights(of: .adapter)
    let left = Set(try settings["optimizer"]["not_in_optimizer"].strings())
    let optimizer = try AdamW(golden: settings["optimizer"])
    let rate = try settings["optimizer"]["lr"].double()
    var moments = weights.map { AdamW.Moments($0.shape) }
    var (losses, first): ([Float], [Tensor]) = ([], [])
    for step in 1...(try file.tensor("losses").count) {
      let variables = weights.map { Tape.variable($0.value) }
      for (weight, variable) in zip(weights, variables) { weight.value = variable }
      let loss = try batch.loss().loss
      let gradients = Tape.gradients(of: loss, for: variables)
      losses.append(loss.item)
      if step == 1 { first = gradients }
      for (index, weight) in weights.enumerated() {
        var value = weight.value.detached
        if !left.contains(weight.key) {
          optimizer.update(&value, &moments[index], gradient: gradients[index], step: step, rate: rate)
        }
        weight.value = value
      }
    }
    report.compare(
      "training: losses", Tensor(losses, shape: [losses.count]), with: try file.tensor("losses"), .relative(1e-5))
    for (weight, gradient) in zip(weights, first) {
      let golden = try file.tensor("grad." + weight.key)
      report.compare("training: grad." + weight.key, gradient, with: golden)
      try compareAfter(weight, gradient: golden, file)
    }
  }

  /// Weights after the steps: closely where the gradient was large enough to tell its sign from noise, which AdamW
  /// divides by its own size; elsewhere no further than the steps can carry them.
  private func compareAfter(_ weight: Parameter, gradient: Tensor, _ file: GoldenFile) throws {
    let golden = try file.tensor("after3." + weight.key)
    guard golden.shape == weight.shape else {
      return report.fail("training: after3." + weight.key, "shape \(weight.shape), expected \(golden.shape)")
    }
    let slopes = gradient.values.map(\.magnitude)
    let least = max(1e-6, 1e-4 * (slopes.max() ?? 0))
    let places = slopes.indices
    let firm = places.filter { slopes[$0] > least }
    func compare(_ name: String, _ places: [Int], _ tolerance: Tolerance) {
      let (found, expected) = (weight.value.values, golden.values)
      if !places.isEmpty {
        report.compare(name, places.map { Double(found[$0]) }, with: places.map { Double(expected[$0]) }, tolerance)
      }
    }
    let name = "training: after3." + weight.key
    compare(name, firm, .absolute(5e-6))
    compare(name + ", gradient below \(least)", places.filter { slopes[$0] <= least }, .absolute(3e-4))
  }
}

/// The golden batch in the form that the loss takes.
private struct GoldenBatch {
  let denoising: DenoisingLoss
  let batch: DenoisingBatch

  init(_ file: GoldenFile, _ settings: JSONNode, _ pipeline: Pipeline) throws {
    denoising = DenoisingLoss(
      pipeline.unet, adapter: pipeline.adapter,
      diffusion: DiffusionLoss(NoiseSchedule(pipeline.schedulerConfiguration)))
    let counts = try settings["phrases"].array().map { try $0.array().count }
    let places = try file.tensor("ref_attention_mask").shape[1]
    let (images, phrases) = (try file.tensor("image_features"), try file.tensor("phrase_embeds"))
    let (boxes, spans) = (try file.tensor("boxes"), try file.integers("spans"))
    let drops = try file.integers("drop_grounding")
    let samples = counts.indices.map { index in
      let rows = index * places..<index * places + counts[index]
      return SubjectSample(
        images: images.sliced(axis: 0, rows), phrases: phrases.sliced(axis: 0, rows),
        boxes: (0..<counts[index]).map { place in
          Box(boxes[index, place, 0], boxes[index, place, 1], boxes[index, place, 2], boxes[index, place, 3])
        }, spans: rows.map { spans[2 * $0]..<spans[2 * $0 + 1] }, dropsGrounding: drops[index] != 0)
    }
    batch = DenoisingBatch(
      clean: try file.tensor("latents"), noise: try file.tensor("noise"), timesteps: try file.integers("timesteps"),
      text: try file.tensor("text"),
      added: AddedConditions(pooledText: try file.tensor("pooled"), timeIDs: try file.tensor("time_ids")),
      subjects: samples)
  }

  var noised: Tensor {
    denoising.diffusion.schedule.noised(batch.clean, noise: batch.noise, timesteps: batch.timesteps)
  }

  func predicted() throws -> Tensor { try denoising.predicted(batch, branch: denoising.branch(of: batch)) }

  func loss() throws -> StepLoss { try denoising(batch) }
}

extension AdamW {
  /// The options of a golden file.
  fileprivate init(golden: JSONNode) throws {
    self.init()
    let betas = try golden["betas"].array().map { try $0.double() }
    (firstDecay, secondDecay) = (betas[0], betas[1])
    (weightDecay, epsilon) = (try golden["weight_decay"].double(), try golden["eps"].double())
  }
}
