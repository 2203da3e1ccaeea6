import Analysis
import MSDiffusion
import Tensors
import TestSupport
import Testing
import Training

@Suite struct SubjectSampleTests {
  /// Samples with different numbers of subjects, some without grounding, give the same result in a batch as alone.
  @Test func samplesOfABatchDoNotMix() throws {
    let pipeline = try Pipeline(Golden.path("pipeline"))
    let adapter = try #require(pipeline.adapter)
    let resampler = try #require(adapter.projector as? GroundingResampler)
    let phraseWidth = try #require(resampler.configuration.phraseWidth)
    var numbers = TestNumbers(6)
    let samples = [(1, true), (3, false), (0, false), (2, true), (1, false)].map { subjects, drops in
      SubjectSample(
        images: numbers.tensor([subjects, 17, 32], in: -1...1),
        phrases: numbers.tensor([subjects, phraseWidth], in: -1...1),
        boxes: (0..<subjects).map { Box(0.1 * Float($0), 0.2, 0.5 + 0.1 * Float($0), 0.9) },
        spans: (0..<subjects).map { $0..<$0 + 2 }, dropsGrounding: drops)
    }
    let rows = adapter.rows(samples)
    #expect(rows.map(\.context.shape) == samples.map { [4 + 4 * $0.boxes.count, adapter.contextWidth] })
    for (sample, row) in zip(samples, rows) {
      let alone = adapter.rows([sample])[0]
      #expect(row.context.isClose(to: alone.context, absolute: 1e-5))
      #expect(row.boxes == sample.boxes && row.spans == sample.spans && row.scale == 1)
      guard !sample.boxes.isEmpty else { continue }
      let tokens = resampler(
        sample.images, phrases: sample.phrases, boxes: sample.boxes,
        dropsGrounding: sample.boxes.map { _ in sample.dropsGrounding })
      let subjects = row.context.sliced(axis: 0, 4..<row.context.shape[0])
      #expect(subjects.isClose(to: tokens.reshaped([-1, adapter.contextWidth]), absolute: 1e-5))
    }
  }
}
