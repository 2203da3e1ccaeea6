import Analysis
import Layers
import MSDiffusion
import Models
import Tensors

// Axes: B samples, C latent channels, H and W of latents, K text tokens.

/// A batch of training samples for a U-Net.
public struct DenoisingBatch: Sendable {
  /// Scaled latents without noise, `[B, C, H, W]`.
  public var clean: Tensor
  /// The noise that is added to the latents, of standard deviation 1, `[B, C, H, W]`.
  public var noise: Tensor
  /// The timestep of each sample.
  public var timesteps: [Int]
  /// States of the text tokens, `[B, K, width]`.
  public var text: Tensor
  /// SDXL's added conditions, if the U-Net takes them.
  public var added: AddedConditions?
  /// The subjects of every sample, one element per sample; empty: no subjects. Without an adapter, the subjects' images
  /// and phrases are not used.
  public var subjects: [SubjectSample]
  /// Where the subjects are, for the losses on attention; nil: in their boxes.
  public var regions: SubjectRegions?

  public init(
    clean: Tensor, noise: Tensor, timesteps: [Int], text: Tensor, added: AddedConditions? = nil,
    subjects: [SubjectSample] = [], regions: SubjectRegions? = nil
  ) {
    (self.clean, self.noise, self.timesteps, self.text) = (clean, noise, timesteps, text)
    (self.added, self.subjects, self.regions) = (added, subjects, regions)
  }
}

/// The paper's training loss: the denoising loss (Eq. 1) and, if asked for, losses on attention (Eq. 7).
public struct DenoisingLoss: Sendable {
  public var unet: UNet
  /// The adapter; nil: the base model is trained alone.
  public var adapter: Adapter?
  /// The denoising loss.
  public var diffusion: DiffusionLoss
  /// Weights of the losses on attention.
  public var attention: AttentionTerms
  /// How subjects are kept apart; as published, unless it is changed for an ablation.
  public var options = LayoutOptions()

  public init(_ unet: UNet, adapter: Adapter? = nil, diffusion: DiffusionLoss, attention: AttentionTerms = .none) {
    (self.unet, self.adapter, self.diffusion, self.attention) = (unet, adapter, diffusion, attention)
  }

  /// The loss, and as figures those of its parts that were computed: `denoising`, `imageAttention`, `textAttention`,
  /// `textPixels`. Stops the program unless there are no subjects, or one list of subjects per sample.
  /// - Throws: errors thrown by hooks on attention.
  public func callAsFunction(_ batch: DenoisingBatch) throws -> StepLoss {
    guard batch.subjects.isEmpty || batch.subjects.count == batch.clean.shape[0] else {
      fail(
        "DenoisingLoss: expected subjects of \(batch.clean.shape[0]) samples, as there are latents, found subjects of "
          + "\(batch.subjects.count)")
    }
    let counts = batch.subjects.map(\.boxes.count)
    let spans = padded(batch.subjects.map(\.spans))
    let branch = branch(of: batch)
    let columns = branch?.layout.columns.ofSubjects ?? []
    let texts = LayerMapRecorder(.text, groups: spans)
    let images = LayerMapRecorder(.subjects, groups: batch.subjects.map { _ in columns })
    let observesText = attention.text + attention.textPixels > 0 && spans.joined().contains { !$0.isEmpty }
    let observesImages = attention.image > 0 && !columns.isEmpty
    let output = try predicted(
      batch, branch: branch, observing: (observesText ? [texts] : []) + (observesImages ? [images] : []))
    let denoising = diffusion(output, clean: batch.clean, noise: batch.noise, timesteps: batch.timesteps)
    var result = StepLoss(denoising, figures: [("denoising", denoising.item)])
    let regions = batch.regions ?? .boxes(batch.subjects.map(\.boxes))
    func add(_ name: String, weight: Float, _ loss: () -> Tensor) {
      guard weight > 0 else { return }
      let loss = loss()
      result.loss = result.loss + loss * weight
      result.figures.append((name, loss.item))
    }
    if observesImages {
      add("imageAttention", weight: attention.image) { LayerMaps.loss(images.layers, regions: regions, counts: counts) }
    }
    if observesText {
      add("textAttention", weight: attention.text) { LayerMaps.loss(texts.layers, regions: regions, counts: counts) }
      add("textPixels", weight: attention.textPixels) {
        LayerMaps.crossEntropy(texts.layers, regions: regions, spans: spans)
      }
    }
    return result
  }

  /// Multi-subject attention for a batch; nil without an adapter, and if the batch has no subjects.
  package func branch(of batch: DenoisingBatch) -> SubjectBranch? {
    guard !batch.subjects.isEmpty else { return nil }
    return adapter.map { SubjectBranch($0, rows: $0.rows(batch.subjects), options: options) }
  }

  /// The U-Net's prediction for the noised samples.
  /// - Throws: errors thrown by the observers.
  package func predicted(
    _ batch: DenoisingBatch, branch: SubjectBranch?, observing: [any Observing] = []
  ) throws -> Tensor {
    let noised = diffusion.schedule.noised(batch.clean, noise: batch.noise, timesteps: batch.timesteps)
    let context = AttentionContext(
      batch.text, for: unet.crossAttentionLayers, branches: branch.map { [$0] } ?? [])
    return try HookSession(observing, catalog: unet.hooks).during(Moment(.training)) {
      unet(noised, timesteps: batch.timesteps.map { Float($0) }, context: context, added: batch.added)
    }
  }

  /// Pads the samples' spans with empty ones, so that all samples have the same number of spans.
  private func padded(_ spans: [[Range<Int>]]) -> [[Range<Int>]] {
    let subjects = spans.map(\.count).max() ?? 0
    return spans.map { $0 + [Range<Int>](repeating: 0..<0, count: subjects - $0.count) }
  }
}

extension Moment.Phase {
  /// A forward pass of training.
  public static let training: Moment.Phase = "training"
}
