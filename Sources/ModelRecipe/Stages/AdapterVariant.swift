import Checkpoints
import MSDiffusion
import Training

/// The adapters of the paper's ablation. All but ``full`` lack something, to show what it contributes. All are trained
/// for the same base; with the same seed, on the same samples.
public enum AdapterVariant: String, CaseIterable, Sendable {
  /// The published adapter.
  case full
  /// One linear map of the pooled image embedding instead of the resampler.
  case linearProjector = "linear-projector"
  /// A resampler with learned queries. It gets neither phrases nor boxes.
  case plainResampler = "plain-resampler"
  /// Every position attends to all subjects, and none to dummy tokens: subjects are not confined to their boxes.
  case noSubjectAttention = "no-multi-subject-attention"
  /// No layout at all: queries are learned, and subjects are not confined to their boxes. Instead, a loss draws image
  /// attention into the boxes (Eq. 7).
  case imageLoss = "no-layout-ial"
  /// As ``imageLoss``, but also with a loss on text attention. For this loss, weights of text cross-attention are
  /// trained too; `TrainedTextAttention` says which.
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

  /// The kind of projector, which turns images into tokens.
  package var projector: any ProjectorConfiguration.Type {
    switch self {
    case .full, .noSubjectAttention: GroundingResampler.Configuration.self
    case .linearProjector: LinearProjector.Configuration.self
    case .plainResampler, .imageLoss, .imageAndTextLoss: PlainResampler.Configuration.self
    }
  }

  /// How subjects are kept apart, both in training and in generation.
  public var layout: LayoutOptions {
    var options = LayoutOptions()
    options.confinesSubjects =
      switch self {
      case .full, .linearProjector, .plainResampler: true
      case .noSubjectAttention, .imageLoss, .imageAndTextLoss: false
      }
    return options
  }

  /// Weights of the losses on attention, which are added to the denoising loss.
  public var terms: AttentionTerms {
    switch self {
    case .imageLoss: .image
    case .imageAndTextLoss: .imageAndText
    case .full, .linearProjector, .plainResampler, .noSubjectAttention: .none
    }
  }

  /// Whether the base's text cross-attention is trained too.
  public var trainsTextAttention: Bool { terms.text > 0 }

  /// The folder for one training run in a working folder. It holds the log, the checkpoints and, once training is
  /// finished, the whole model in `model/`.
  public func folder(in workingFolder: String, seed: UInt64) -> String {
    "\(workingFolder)/ablation/\(rawValue)-\(seed)"
  }

  /// The model folder of a finished training run in a working folder; nil while it is unfinished.
  public func finishedModel(in workingFolder: String, seed: UInt64) -> String? {
    let model = folder(in: workingFolder, seed: seed) + "/model"
    return ModelFolder(model).has(.adapter) ? model : nil
  }
}
