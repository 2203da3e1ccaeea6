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

// Axes: B samples, R subjects per sample, including padding.

extension ParityFolder {
  /// `training/`: one batch, made from texts and photographs, its loss and gradients, and three steps of AdamW.
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

  /// Compares the inputs that are made from texts and photographs.
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

    let capacity = try file.tensor("ref_attention_mask").shape[1]  // R
    let branch = pipeline.text[0]
    let length = branch.encoder.configuration.positions
    let finder = PhraseFinder(tokenizer: branch.tokenizer, mode: .published, length: length)
    var (ids, spans, mask): ([Int], [Int], [Int]) = ([], [], [])
    for (prompt, phrases) in zip(prompts, phrases) {
      let padding = capacity - phrases.count
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
      return (shown + Array(repeating: empty, count: capacity - shown.count)).map {
        image.encoder(.stacked([$0], axis: 0)).penultimate
      }
    }
    report.compare(
      "training: image_features", .concatenated(features, axis: 0), with: try file.tensor("image_features"))
  }

  /// Compares the loss before each step, the gradients of the first step, and the weights after the last.
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

  /// Compares weights after the steps. AdamW divides a gradient by its own magnitude, so that rounding decides the
  /// direction of a step where the gradient is close to zero. There the tolerance is as large as the steps themselves,
  /// elsewhere it is small.
  private func compareAfter(_ weight: Parameter, gradient: Tensor, _ file: GoldenFile) throws {
    let golden = try file.tensor("after3." + weight.key)
    guard golden.shape == weight.shape else {
      return report.fail("training: after3." + weight.key, "shape \(weight.shape), expected \(golden.shape)")
    }
    let magnitudes = gradient.values.map(\.magnitude)
    let least = max(1e-6, 1e-4 * (magnitudes.max() ?? 0))
    let (large, small) = (
      magnitudes.indices.filter { magnitudes[$0] > least }, magnitudes.indices.filter { magnitudes[$0] <= least }
    )
    func compare(_ name: String, _ indices: [Int], _ tolerance: Tolerance) {
      let (found, expected) = (weight.value.values, golden.values)
      if !indices.isEmpty {
        report.compare(name, indices.map { Double(found[$0]) }, with: indices.map { Double(expected[$0]) }, tolerance)
      }
    }
    let name = "training: after3." + weight.key
    compare(name, large, .absolute(5e-6))
    compare(name + ", gradient below \(least)", small, .absolute(3e-4))
  }
}

/// The golden batch as the loss expects it.
private struct GoldenBatch {
  let denoising: DenoisingLoss
  let batch: DenoisingBatch

  init(_ file: GoldenFile, _ settings: JSONNode, _ pipeline: Pipeline) throws {
    denoising = DenoisingLoss(
      pipeline.unet, adapter: pipeline.adapter,
      diffusion: DiffusionLoss(NoiseSchedule(pipeline.schedulerConfiguration)))
    let counts = try settings["phrases"].array().map { try $0.array().count }
    let capacity = try file.tensor("ref_attention_mask").shape[1]  // R
    let (images, phrases) = (try file.tensor("image_features"), try file.tensor("phrase_embeds"))
    let (boxes, spans) = (try file.tensor("boxes"), try file.integers("spans"))
    let drops = try file.integers("drop_grounding")
    let samples = counts.indices.map { index in
      let rows = index * capacity..<index * capacity + counts[index]
      return SubjectSample(
        images: images.sliced(axis: 0, rows), phrases: phrases.sliced(axis: 0, rows),
        boxes: (0..<counts[index]).map { subject in
          Box(boxes[index, subject, 0], boxes[index, subject, 1], boxes[index, subject, 2], boxes[index, subject, 3])
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
  /// The options in a golden file.
  fileprivate init(golden: JSONNode) throws {
    self.init()
    let betas = try golden["betas"].array().map { try $0.double() }
    (firstDecay, secondDecay) = (betas[0], betas[1])
    (weightDecay, epsilon) = (try golden["weight_decay"].double(), try golden["eps"].double())
  }
}
