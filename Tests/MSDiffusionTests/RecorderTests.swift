import Analysis
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite(.longNumeric) struct RecorderTests {
  @Test func headsKeepTheirNumbers() throws {
    let pipeline = try Small.pipeline()
    let layer = pipeline.unet.crossAttentionLayers[0].name
    let some = AttentionRecorder(.text, layers: [layer], heads: [1], keeping: .heads)
    let all = AttentionRecorder(.text, layers: [layer], keeping: .heads)
    let generation = try pipeline.generate(Small.scene(), observing: [some, all])
    let (one, whole) = (try some.maps(), try all.maps())
    #expect(one.layers[0].recordedHeads == [1] && one.layers[0].heads == whole.layers[0].heads)
    let map = try one.heatmap("x", tokens: 1..<3, heads: [1])
    #expect(map.values == (try whole.heatmap("x", tokens: 1..<3, heads: [1]).values))
    #expect(map.provenance.heads == [1])
    #expect(try some.heatmaps(in: generation)[0].provenance.heads == [1])
    #expect(try all.heatmaps(in: generation)[0].provenance.heads == nil)
    #expect(throws: AnalysisError.self) { try one.heatmap("x", tokens: 1..<3, heads: [0]) }
  }

  @Test func aSecondRunStartsAnew() throws {
    let pipeline = try Small.pipeline()
    let recorder = AttentionRecorder(.text)
    _ = try pipeline.generate(Small.scene { $0.seed = 1 }, observing: [recorder])
    let generation = try pipeline.generate(Small.scene(), observing: [recorder])
    let again = try recorder.heatmaps(in: generation).map(\.values)
    let fresh = AttentionRecorder(.text)
    #expect(try fresh.heatmaps(in: pipeline.generate(Small.scene(), observing: [fresh])).map(\.values) == again)
  }

  @Test func everySampleOfABatchHasItsOwnMaps() throws {
    let pipeline = try Small.pipeline()
    let recorder = AttentionRecorder(.text)
    let scenes = [try Small.scene { $0.samples = 2 }, try Small.scene { $0.seed = 5 }]
    let both = try pipeline.generate(scenes, observing: [recorder])
    #expect(both.map(\.samples) == [0..<2, 2..<3])
    let alone = AttentionRecorder(.text)
    let second = try pipeline.generate(scenes[1], observing: [alone])
    let found = try recorder.heatmaps(in: both[1])[0].values
    #expect(found.isClose(to: try alone.heatmaps(in: second)[0].values, relative: 1e-4))
    #expect(
      try recorder.heatmaps(in: both[0], sample: 0)[0].values != recorder.heatmaps(in: both[0], sample: 1)[0].values)
    for sample in [-1, 2] {
      #expect {
        try recorder.heatmaps(in: both[0], sample: sample)
      } throws: { "\($0)".contains("0..<2") }
    }
    // If all rows are recorded, heatmaps are of the conditional half. Chosen samples keep their numbers.
    let (rows, last) = (AttentionRecorder(.text, samples: .allRows), AttentionRecorder(.text, samples: .chosen([2])))
    let again = try pipeline.generate(scenes, observing: [rows, last])
    #expect(try rows.heatmaps(in: again[1])[0].values == found)
    #expect(try last.heatmaps(in: again[1])[0].values == found)
    #expect(throws: AnalysisError.self) { try last.heatmaps(in: again[0]) }
    for samples in [[3], [-1], []] {
      let chosen = AttentionRecorder(.text, samples: .chosen(samples))
      #expect(throws: AnalysisError.self) { try pipeline.generate(scenes, observing: [chosen]) }
    }
    #expect(throws: AnalysisError.self) { try AttentionRecorder(.text).maps(sample: -1) }
    #expect(
      throws: AnalysisError.notRecorded(kind: "occurrence of 'dog'", requested: [-1], available: "numbers from 0")
    ) {
      try pipeline.span(of: "dog", in: "a dog", occurrence: -1)
    }
  }

  @Test func heatmapsUseThePhraseRuleOfTheirRun() throws {
    let pipeline = try Small.pipeline()
    let recorder = AttentionRecorder(.text)
    var maps: [[Tensor]] = []
    for published in [false, true] {
      let scene = try Small.scene {
        $0.prompt = "a cat and a cat on the beach"
        $0.subjects[1].phrase = "cat"
        $0.findsPhrasesAsPublished = published
      }
      let generation = try pipeline.generate(scene, observing: [recorder])
      #expect(try generation.phrases.map { try $0.get() } == pipeline.spans(of: scene))
      maps.append(try recorder.heatmaps(in: generation).map(\.values))
    }
    // The published search places the second cat one token too early.
    #expect(maps[0][0] == maps[1][0] && maps[0][1] != maps[1][1])
    let absent = try pipeline.generate(Small.scene { $0.subjects[0].phrase = "dog" }, observing: [recorder])
    #expect(throws: PhraseError.self) { try recorder.heatmaps(in: absent) }
  }

  @Test func heatmapsSayWhetherTheyAreASumOrAMeanOverTokens() throws {
    let pipeline = try Small.pipeline()
    let recorder = AttentionRecorder(.subjects)
    let generation = try pipeline.generate(Small.scene(), observing: [recorder])
    let (mean, total) = (try recorder.heatmaps(in: generation), try recorder.heatmaps(in: generation, overTokens: .sum))
    let tokens = Float(generation.columns.tokens)
    #expect(total[0].values.isClose(to: mean[0].values * tokens, relative: 1e-5))
    #expect(total[0].provenance.overTokens == .sum && mean[0].provenance.overTokens == .mean)
    #expect(abs(total[0].values.maximum().item - 1) < 1e-4)
  }

  /// Compares ‖γ W_O A V‖ with a plain sum over heads and tokens.
  @Test func contributionsCountScalesAndTheOutputProjection() throws {
    let pipeline = try Small.pipeline()
    // The first layer's queries do not depend on what subjects add.
    let layer = pipeline.unet.crossAttentionLayers[0]
    func recorded(_ change: (inout Scene) throws -> Void) throws -> (Tensor, Tensor, Tensor) {
      let recorder = ActivationRecorder(
        HookSelection(
          .subjectAttention, .subjectValue, .subjectContribution, patterns: [layer.name], steps: [0]))
      _ = try pipeline.generate(Small.scene(change), observing: [recorder])
      func last(_ name: String) throws -> Tensor {
        let tensor = try #require(recorder[layer.name + "." + name].first).tensor
        return tensor.sliced(axis: 0, 1..<2)
      }
      return (try last("subject_pattern"), try last("subject_value"), try last("subject_contribution"))
    }
    let (pattern, value, contribution) = try recorded { $0.scale = 0.5 }
    let columns = pipeline.columns(of: try Small.scene())
    let weight = layer.toOut.weight.value
    let width = layer.width / layer.heads
    for position in [0, 7, pattern.shape[2] - 1] {
      for subject in 0..<2 {
        var sum = [Double](repeating: 0, count: layer.width)
        for channel in 0..<layer.width {
          for token in columns[subject] {
            sum[channel] += Double(pattern[0, channel / width, position, token]) * Double(value[0, token, channel])
          }
        }
        let projected = (0..<layer.width).map { row in
          (0..<layer.width).reduce(0.0) { $0 + Double(weight[row, $1]) * sum[$1] }
        }
        let norm = 0.5 * projected.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(
          abs(Double(contribution[0, position, subject]) - norm) < 1e-4 * max(norm, 1e-3), "\(position), \(subject)")
      }
    }
    // A subject's own scale counts as γ does.
    let (_, _, own) = try recorded {
      $0.subjects[0].scale = 0.25
      $0.subjects[1].scale = 1
    }
    #expect(own.sliced(axis: 2, 0..<1).isClose(to: contribution.sliced(axis: 2, 0..<1) * 0.5, relative: 1e-4))
    #expect(own.sliced(axis: 2, 1..<2).isClose(to: contribution.sliced(axis: 2, 1..<2) * 2, relative: 1e-4))
  }

  @Test func pseudoLayoutHistoryIsWhatTheRunUsed() throws {
    let pipeline = try Small.pipeline()
    let layer = pipeline.unet.crossAttentionLayers[4].name
    for var rule in [PseudoLayout.published, .joint] {
      rule.startStep = 2
      let scene = try Small.scene { $0.layout.pseudoLayout = rule }
      let recorder = PseudoLayoutHistory.recorder(for: rule, layer: layer)
      let run = try pipeline.denoising([scene], observing: [recorder])
      while try run.advance() != nil {}
      let used = try #require(run.layout?.pseudoLayout(inLayer: layer)).sliced(axis: 0, 1..<2)
      let generation = try pipeline.generate(scene, observing: [recorder])
      let history = try PseudoLayoutHistory(recorder, of: generation, layer: layer, rule: rule)
      let masks = try history.masks(through: 2)
      #expect(masks.count == 2)
      for (subject, mask) in masks.enumerated() {
        #expect(used.sliced(axis: 1, subject..<subject + 1).values == mask.values)
      }
      #expect(try history.layouts(at: [0, 2]).map(\.step) == [1, 3])
      for step in [-1, 3] {
        #expect(throws: AnalysisError.self) { try history.masks(through: step) }
        #expect(throws: AnalysisError.self) { try history.maps(through: step) }
        #expect(throws: AnalysisError.self) { try history.layouts(at: [0, step]) }
      }
    }
    #expect(PseudoLayoutHistory.evenlySpaced(4, of: 30) == [6, 14, 21, 29])
    #expect(PseudoLayoutHistory.evenlySpaced(4, of: 2) == [0, 1])
  }
}
