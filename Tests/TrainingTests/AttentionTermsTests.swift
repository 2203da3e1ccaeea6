import Analysis
import Foundation
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import TestSupport
import Testing
import Training

@Suite(.longNumeric) struct AttentionTermsTests {
  private let objective: GoldenObjective
  private let batch: DenoisingBatch
  private let spans: [[Range<Int>]]

  init() throws {
    objective = try GoldenObjective()
    batch = try objective.batch(0..<2)
    spans = batch.subjects.map { $0.spans + [Range<Int>](repeating: 0..<0, count: 3 - $0.spans.count) }
  }

  private func run(_ options: LayoutOptions = .init()) throws -> SubjectAttentionRun {
    let adapter = try #require(objective.pipeline.adapter)
    return SubjectAttentionRun(adapter, rows: adapter.rows(batch.subjects), options: options)
  }

  @Test func gatheredMapsAreThoseThatHooksSee() throws {
    let seen = Mutex<[String: Tensor]>([:])
    let (spans, dummies, tokens) = (spans, try #require(objective.pipeline.adapter).dummies, 4)
    let session = try HookSession(
      [
        Hook.observe(HookSelection(.textAttention, .subjectAttention)) { event in
          guard let grid = event.grid else { return }
          let isText = event.point.kind == .textAttention
          let columns = (0..<3).map { dummies + $0 * tokens..<dummies + ($0 + 1) * tokens }
          let maps = SpanMaps.mean(
            of: event.tensor, spans: isText ? spans : [columns, columns], height: grid.height, width: grid.width)
          seen.withLock { $0[(isText ? "text " : "image ") + event.point.layer] = maps }
        }
      ], catalog: objective.pipeline.hooks)
    let plain = try session.during(Moment()) { try objective.denoising.predicted(batch, companion: run()) }
    let gatherer = AttentionMapGatherer(beside: try run(), text: batch.text, spans: spans, gathersImages: true)
    // Gathering changes no bit of what the network gives.
    #expect(objective.denoising.predicted(batch, companion: gatherer) == plain)
    let layers = objective.pipeline.unet.crossAttentionLayers.count
    #expect(gatherer.textMaps.count == layers && gatherer.imageMaps.count == layers)
    for (kind, maps) in [("text ", gatherer.textMaps), ("image ", gatherer.imageMaps)] {
      for layer in maps {
        let expected = try #require(seen.withLock { $0[kind + layer.layer] })
        #expect(layer.maps.isClose(to: expected, relative: 1e-5), "\(kind)\(layer.layer)")
        #expect(expected.values.contains { $0 > 0 })
      }
    }
  }

  /// The gradient of the loss along a random direction of a weight, from the tape and from a difference.
  @Test(arguments: ["to_k_ip", "to_k", "latent_proj.2"])
  func gradientsOfTheWeightsAreThoseOfDifferences(weight name: String) throws {
    var denoising = objective.denoising
    // Heavy terms, and boxes that overlap, so that attention has somewhere to go.
    denoising.attention = AttentionTerms(image: 30, text: 30, textPixels: 30)
    var batch = batch
    for index in 0..<2 {
      for place in batch.subjects[index].boxes.indices {
        batch.subjects[index].boxes[place] = Box(0.1 * Float(place), 0.1, 0.9, 0.5 + 0.1 * Float(place))
      }
    }
    let pipeline = objective.pipeline
    let weights = pipeline.weights(of: name == "to_k" ? "unet" : "ms_adapter")
      .filter { name == "to_k" ? $0.key.hasSuffix("attn2.to_k.weight") : $0.key.contains(name) }
    #expect(!weights.isEmpty)
    var numbers = TestNumbers(8)
    let directions = weights.map { numbers.tensor($0.shape, in: -1...1) }
    let values = weights.map(\.value)
    let variables = values.map { Tape.variable($0) }
    for (weight, variable) in zip(weights, variables) { weight.value = variable }
    let result = denoising(batch)
    #expect(result.figures.map(\.name) == ["denoising", "imageAttention", "textAttention", "textPixels"])
    let gradients = Tape.gradients(of: result.loss, for: variables)
    let slope = zip(gradients, directions).reduce(0.0) { sum, pair in
      sum + zip(pair.0.values, pair.1.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    func moved(_ by: Float) -> Double {
      for (index, weight) in weights.enumerated() { weight.value = values[index] + directions[index] * by }
      return Double(denoising(batch).loss.item)
    }
    let step: Float = 0.01
    let coarse = (moved(step) - moved(-step)) / Double(2 * step)
    let fine = (moved(step / 2) - moved(-step / 2)) / Double(step)
    let difference = (4 * fine - coarse) / 3
    #expect(abs(slope - difference) < 0.01 * abs(difference) + 1e-3, "\(slope), \(difference)")
  }

  @Test func subjectsWithoutPhraseOrPlaceDoNotCount() throws {
    var denoising = objective.denoising
    denoising.attention = .grounding
    var batch = batch
    batch.subjects[1].spans = [0..<0, 5..<6, 0..<0]
    let one = denoising(batch)
    let figure = try #require(one.figures.first { $0.name == "textAttention" })
    // The same by hand: three of the six places count.
    let gatherer = AttentionMapGatherer(
      beside: try run(), text: batch.text, spans: [spans[0], batch.subjects[1].spans], gathersImages: false)
    _ = denoising.predicted(batch, companion: gatherer)
    let pixels = try #require(one.figures.first { $0.name == "textPixels" })
    var (sum, entropies, counted) = (0.0, 0.0, 0.0)
    for layer in gatherer.textMaps {
      for (sample, place) in [(0, 0), (0, 1), (1, 1)] {
        let box = batch.subjects[sample].boxes[place].mask(height: layer.grid.height, width: layer.grid.width)
        let map = layer.maps.sliced(axis: 0, sample..<sample + 1).sliced(axis: 1, place..<place + 1)
          .reshaped([layer.grid.height, layer.grid.width])
        let inside = Double((map * box).sum().item) / Double(map.sum().item)
        sum += (1 - inside) * (1 - inside)
        let tokens = (sample == 0 ? spans[0] : batch.subjects[1].spans)[place].count
        let entropy = zip(map.values, box.values).map { attention, covered in
          let share = Double(attention) * Double(tokens) * (1 - 2e-6) + 1e-6
          return -(Double(covered) * log(share) + (1 - Double(covered)) * log(1 - share))
        }
        entropies += entropy.reduce(0, +) / Double(entropy.count)
        counted += 1
      }
    }
    #expect(abs(Double(figure.value) - sum / counted) < 1e-5)
    #expect(abs(Double(pixels.value) - entropies / counted) < 1e-4 * entropies / counted)
    #expect(abs(one.loss.item - (one.figures[0].value + 0.1 * figure.value + 0.1 * pixels.value)) < 1e-5)
    // Nothing to ground at all.
    for index in 0..<2 { batch.subjects[index].spans = batch.subjects[index].spans.map { _ in 0..<0 } }
    #expect(denoising(batch).figures.map(\.name) == ["denoising"])
  }

  /// Without confinement every position sees all subjects of its own sample, and nothing else.
  @Test func subjectsNeedNotBeConfined() throws {
    var options = LayoutOptions()
    options.confinesSubjects = false
    let gatherer = AttentionMapGatherer(beside: try run(options), text: batch.text, spans: nil, gathersImages: true)
    _ = objective.denoising.predicted(batch, companion: gatherer)
    #expect(gatherer.textMaps.isEmpty)
    for layer in gatherer.imageMaps {
      // Mean over four tokens: the sum over subjects is a quarter.
      let total = layer.maps.sum(axes: [1]) * 4
      #expect(total.isClose(to: .ones(total.shape), absolute: 1e-5))
      let padded = layer.maps.sliced(axis: 0, 0..<1).sliced(axis: 1, 2..<3)
      #expect(padded == .zeros(padded.shape))
    }
    let confined = objective.denoising.predicted(batch, companion: try run())
    #expect(objective.denoising.predicted(batch, companion: try run(options)) != confined)
  }
}
