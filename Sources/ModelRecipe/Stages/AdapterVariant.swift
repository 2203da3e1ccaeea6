import Checkpoints
import MSDiffusion
import Training

/// The adapters of the paper's ablation. All but ``full`` lack one thing, to see what it contributes. All are trained
/// with the same base, on the same samples.
public enum AdapterVariant: String, CaseIterable, Sendable {
  /// The published adapter.
  case full
  /// One linear map of the pooled image embedding instead of the resampler.
  case linearProjector = "linear-projector"
  /// A resampler with learned queries, which sees neither phrases nor boxes.
  case plainResampler = "plain-resampler"
  /// Every position attends to all subjects: no boxes, no dummy tokens.
  case noSubjectAttention = "no-multi-subject-attention"
  /// No layout at all: learned queries and no masks. Instead, a loss draws image attention into the boxes (Eq. 7).
  case imageLoss = "no-layout-ial"
  /// As ``imageLoss``, with a loss on text attention too, which also trains text cross-attention
  /// (`TrainedTextAttention`).
  case imageAndTextLoss = "no-layout-ial-tal"

  /// The name in figures.
  public var title: String {
    switch self {
    case .full: "full"
    case .linearProjector: "linear projector"
    case .plainResampler: "plain resampler"
    case .noSubjectAttention: "no multi-subject attention"
    case .imageLoss: "no layout, loss on image attention"
    case .imageAndTextLoss: "no layout, loss on image and text attention"
    }
  }

  /// How images become tokens.
  package var projector: any ProjectorConfiguration.Type {
    switch self {
    case .full, .noSubjectAttention: GroundingResampler.Configuration.self
    case .linearProjector: LinearProjector.Configuration.self
    case .plainResampler, .imageLoss, .imageAndTextLoss: PlainResampler.Configuration.self
    }
  }

  /// How subjects are kept apart, in training and in generation.
  public var layout: LayoutOptions {
    var options = LayoutOptions()
    options.confinesSubjects =
      switch self {
      case .full, .linearProjector, .plainResampler: true
      case .noSubjectAttention, .imageLoss, .imageAndTextLoss: false
      }
    return options
  }

  /// Losses on attention, added to the denoising loss.
  public var terms: AttentionTerms {
    switch self {
    case .imageLoss: .image
    case .imageAndTextLoss: .imageAndText
    case .full, .linearProjector, .plainResampler, .noSubjectAttention: .none
    }
  }

  /// Whether the base's text cross-attention is trained too.
  public var trainsTextAttention: Bool { terms.text > 0 }

  /// The folder for one training run in a working folder. It holds the log, the checkpoints, and the whole model in
  /// `model/`.
  public func folder(in workingFolder: String, seed: UInt64) -> String {
    "\(workingFolder)/ablation/\(rawValue)-\(seed)"
  }

  /// The model folder of a finished training run in a working folder; nil while it is unfinished.
  public func finishedModel(in workingFolder: String, seed: UInt64) -> String? {
    let model = folder(in: workingFolder, seed: seed) + "/model"
    return ModelFolder(model).has(.adapter) ? model : nil
  }
}
