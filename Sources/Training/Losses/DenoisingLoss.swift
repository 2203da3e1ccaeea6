import Analysis
import MSDiffusion
import Models
import Tensors

// Axes: B samples, C latent channels, H and W of latents, K text tokens.

/// Samples that a U-Net is trained on together.
public struct DenoisingBatch: Sendable {
  /// Scaled latents without noise, `[B, C, H, W]`.
  public var clean: Tensor
  public var noise: Tensor
  /// One a sample.
  public var timesteps: [Int]
  /// Text tokens, `[B, K, width]`.
  public var text: Tensor
  /// SDXL's added conditions, where the U-Net has them.
  public var added: UNet.AddedConditions?
  /// Subjects of every sample, for a U-Net with an adapter; without one only their spans count.
  public var subjects: [SubjectSample]
  /// Where the subjects are, for the loss on attention; nil: in their boxes.
  public var regions: SubjectRegions?

  public init(
    clean: Tensor, noise: Tensor, timesteps: [Int], text: Tensor, added: UNet.AddedConditions? = nil,
    subjects: [SubjectSample] = [], regions: SubjectRegions? = nil
  ) {
    (self.clean, self.noise, self.timesteps, self.text) = (clean, noise, timesteps, text)
    (self.added, self.subjects, self.regions) = (added, subjects, regions)
  }
}

/// The paper's training loss: of denoising (Eq. 1), and where wanted of attention (Eq. 7).
public struct DenoisingLoss: Sendable {
  public var unet: UNet
  /// nil: the base model alone.
  public var adapter: Adapter?
  public var diffusion: DiffusionLoss
  public var attention: AttentionTerms
  /// How subjects are kept apart; as published unless changed for an ablation.
  public var options = LayoutOptions()

  public init(_ unet: UNet, adapter: Adapter? = nil, diffusion: DiffusionLoss, attention: AttentionTerms = .none) {
    (self.unet, self.adapter, self.diffusion, self.attention) = (unet, adapter, diffusion, attention)
  }

  /// The loss with its parts as figures: `denoising`, `imageAttention`, `textAttention`, `textPixels`.
  public func callAsFunction(_ batch: DenoisingBatch) -> StepLoss {
    guard batch.subjects.isEmpty || batch.subjects.count == batch.clean.shape[0] else {
      fail("DenoisingLoss: subjects of \(batch.subjects.count) samples for latents \(batch.clean.shape)")
    }
    let run =
      batch.subjects.isEmpty
      ? nil : adapter.map { SubjectAttentionRun($0, rows: $0.rows(batch.subjects), options: options) }
    let counts = batch.subjects.map(\.boxes.count)
    let spans = padded(batch.subjects.map(\.spans))
    let gatherer =
      attention == .none
      ? nil
      : AttentionMapGatherer(
        beside: run, text: batch.text, spans: attention.text > 0 || attention.textPixels > 0 ? spans : nil,
        gathersImages: attention.image > 0)
    let output = predicted(batch, companion: gatherer ?? run)
    let denoising = diffusion(output, clean: batch.clean, noise: batch.noise, timesteps: batch.timesteps)
    var result = StepLoss(denoising, figures: [("denoising", denoising.item)])
    guard let gatherer else { return result }
    let regions = batch.regions ?? .boxes(batch.subjects.map(\.boxes))
    func add(_ name: String, weight: Float, _ loss: () -> Tensor) {
      guard weight > 0 else { return }
      let loss = loss()
      result.loss = result.loss + loss * weight
      result.figures.append((name, loss.item))
    }
    typealias LayerMaps = AttentionMapGatherer.LayerMaps
    let (images, texts) = (gatherer.imageMaps, gatherer.textMaps)
    if !images.isEmpty {
      add("imageAttention", weight: attention.image) { LayerMaps.loss(images, regions: regions, counts: counts) }
    }
    if !texts.isEmpty {
      add("textAttention", weight: attention.text) { LayerMaps.loss(texts, regions: regions, counts: counts) }
      add("textPixels", weight: attention.textPixels) { LayerMaps.crossEntropy(texts, regions: regions, spans: spans) }
    }
    return result
  }

  /// What the U-Net gives for the noised samples.
  package func predicted(_ batch: DenoisingBatch, companion: (any CrossAttentionCompanion)?) -> Tensor {
    let noised = diffusion.schedule.noised(batch.clean, noise: batch.noise, timesteps: batch.timesteps)
    return unet(
      noised, timesteps: batch.timesteps.map { Float($0) }, context: batch.text, added: batch.added,
      companion: companion)
  }

  /// As many spans in each sample.
  private func padded(_ spans: [[Range<Int>]]) -> [[Range<Int>]] {
    let subjects = spans.map(\.count).max() ?? 0
    return spans.map { $0 + [Range<Int>](repeating: 0..<0, count: subjects - $0.count) }
  }
}
