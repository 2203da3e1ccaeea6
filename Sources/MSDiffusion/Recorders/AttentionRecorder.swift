import Analysis
import Layers
import Models
import Synchronization
import Tensors

/// Records which position attends to which token while scenes are generated.
///
/// Only sums are kept, so that memory does not grow with the number of steps, unless `keeping: .steps` is set. A
/// recorder that is used for another generation discards what it has recorded.
public final class AttentionRecorder: Observing {
  public let gatherer: AttentionGatherer
  private let keeping: HeatmapAccumulator.Keeping
  private let recorded = Mutex<[HeatmapAccumulator]>([])

  /// - Parameters:
  ///   - source: the attention to record.
  ///   - samples: the samples to record; memory grows with their number.
  ///   - layers: patterns of layer names; empty: all cross-attention layers.
  ///   - grids: feature map sizes; nil: all sizes.
  ///   - steps: denoising steps, counted from 0; nil: all steps.
  ///   - heads: attention heads, counted from 0; nil: all heads.
  ///   - keeping: whether steps or heads are stored separately instead of being summed.
  public init(
    _ source: AttentionSource = .text, samples: AttentionGatherer.Samples = .all, layers: [String] = [],
    grids: Set<FeatureGrid>? = nil, steps: Set<Int>? = nil, heads: [Int]? = nil,
    keeping: HeatmapAccumulator.Keeping = []
  ) {
    gatherer = AttentionGatherer(source, samples: samples, layers: layers, grids: grids, steps: steps, heads: heads)
    self.keeping = keeping
  }

  public func begin() { recorded.withLock { $0 = [] } }

  public var hooks: [Hook] { [gatherer.hook { [self] in try add($0) }] }

  private func add(_ attention: GatheredAttention) throws {
    try recorded.withLock { samples in
      if samples.isEmpty {
        samples = (0..<attention.probabilities.shape[0]).map { HeatmapAccumulator(row: $0, keeping: keeping) }
      }
      for index in samples.indices {
        try samples[index].add(
          attention.probabilities, height: attention.grid.height, width: attention.grid.width, layer: attention.layer,
          step: attention.step, heads: attention.heads, of: attention.headCount)
      }
    }
  }

  /// The recorded sums of a sample, from which heatmaps of any tokens and layers follow, and of single steps or heads
  /// if they were stored separately. Empty before anything was recorded.
  /// - Parameter sample: index among the recorded samples.
  /// - Throws: `AnalysisError.notRecorded` for a sample that was not recorded.
  public func maps(sample: Int = 0) throws -> HeatmapAccumulator {
    try recorded.withLock { samples in
      if samples.isEmpty, sample == 0 { return HeatmapAccumulator() }
      try AnalysisError.require([sample], in: samples.indices, kind: "sample")
      return samples[sample]
    }
  }

  /// The heatmap of some token columns, the mean over all recorded layers, steps and heads of a sample.
  /// - Parameters:
  ///   - label: the heatmap's label, such as the word.
  ///   - tokens: columns of the recorded attention; in text attention, column 0 belongs to the start token.
  ///   - sample: index among the recorded samples.
  ///   - overTokens: whether the columns are averaged or summed.
  /// - Throws: `AnalysisError` if nothing was recorded for the sample or a column.
  public func heatmap(
    _ label: String, tokens: some Collection<Int>, sample: Int = 0, overTokens: Combination = .mean
  ) throws -> Heatmap {
    try maps(sample: sample).heatmap(label, tokens: tokens, overTokens: overTokens)
  }

  /// One heatmap per subject of a generation. It shows the attention to the subject's phrase in the prompt, the
  /// attention to its image tokens, or its contribution, depending on the source that was recorded.
  /// - Parameters:
  ///   - sample: index among the generation's samples.
  ///   - overTokens: whether a subject's tokens are averaged or summed.
  /// - Throws: `PhraseError` if text attention was recorded and a phrase is not in the prompt; `AnalysisError` if
  ///   nothing was recorded for the sample.
  public func heatmaps(
    in generation: Generation, sample: Int = 0, overTokens: Combination = .mean
  ) throws -> [Heatmap] {
    let maps = try maps(sample: index(of: sample, in: generation))
    return try zip(generation.scene.phrases, columns(in: generation)).map {
      try maps.heatmap($0, tokens: $1, overTokens: overTokens)
    }
  }

  /// One sequence of heatmaps per subject, with one heatmap per step; needs a recorder with `keeping: .steps`.
  /// - Throws: as ``heatmaps(in:sample:overTokens:)``; `AnalysisError` if steps were not stored separately.
  public func sequences(in generation: Generation, sample: Int = 0) throws -> [[Heatmap]] {
    let maps = try maps(sample: index(of: sample, in: generation))
    return try zip(generation.scene.phrases, columns(in: generation)).map { try maps.sequence($0, tokens: $1) }
  }

  /// The columns of each subject in the gathered attention.
  private func columns(in generation: Generation) throws -> [Range<Int>] {
    switch gatherer.source {
    case .text: try generation.phrases.map { try $0.get() }
    case .subjects, .unmaskedSubjects: generation.scene.subjects.indices.map { generation.columns[$0] }
    case .contribution: generation.scene.subjects.indices.map { $0..<$0 + 1 }
    }
  }

  /// The index of a generation's sample among the recorded samples.
  func index(of sample: Int, in generation: Generation) throws -> Int {
    try AnalysisError.require([sample], in: 0..<generation.scene.samples, kind: "sample of this generation")
    let inBatch = generation.samples.lowerBound + sample
    let numbers: [Int]
    switch gatherer.samples {
    case .all: return inBatch
    case .allRows:
      // The conditional half comes last.
      return inBatch + recorded.withLock { $0.count } - generation.batchSamples
    case .chosen(let chosen): numbers = chosen
    }
    guard let index = numbers.firstIndex(of: inBatch) else {
      throw AnalysisError.notRecorded(kind: "sample of the batch", requested: [inBatch], available: "\(numbers)")
    }
    return index
  }
}

extension AttentionRecorder: CustomStringConvertible {
  /// The source, and the numbers of recorded samples, layers and steps.
  public var description: String {
    let samples = recorded.withLock { $0 }
    let (layers, steps) = (samples.first?.layers ?? [], Set((samples.first?.layers ?? []).flatMap(\.steps)).count)
    return "AttentionRecorder \(gatherer.source): \(samples.count) samples, \(layers.count) layers, \(steps) steps, "
      + "\(samples.reduce(0) { $0 + $1.byteCount } / 1024) KiB"
  }
}
