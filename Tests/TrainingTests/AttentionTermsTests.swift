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

  /// Subject attention of the batch.
  private func branch(_ options: LayoutOptions = .init()) throws -> SubjectBranch {
    var denoising = objective.denoising
    denoising.options = options
    return try #require(denoising.branch(of: batch))
  }

  /// The text maps and subject maps of one forward pass, and its prediction.
  private func maps(
    _ branch: SubjectBranch, spans: [[Range<Int>]]
  ) throws -> (text: [LayerMaps], image: [LayerMaps], prediction: Tensor) {
    let columns = branch.layout.columns.ofSubjects
    let (text, image) = (
      LayerMapRecorder(.text, groups: spans), LayerMapRecorder(.subjects, groups: batch.subjects.map { _ in columns })
    )
    let prediction = try objective.denoising.predicted(batch, branch: branch, observing: [text, image])
    return (text.layers, image.layers, prediction)
  }

  @Test func recordedMapsAreMeansOfWhatHooksSee() throws {
    let branch = try branch()
    let patterns = ActivationRecorder(HookSelection(.textAttention, .subjectAttention))
    let plain = try objective.denoising.predicted(batch, branch: branch)
    #expect(try objective.denoising.predicted(batch, branch: branch, observing: [patterns]) == plain)
    let maps = try maps(branch, spans: spans)
    // Recording changes no bit of the prediction.
    #expect(maps.prediction == plain)
    let layers = objective.pipeline.unet.crossAttentionLayers.count
    #expect(maps.text.count == layers && maps.image.count == layers)
    let columns = branch.layout.columns.ofSubjects
    for (point, layers, groups) in [
      ("text_pattern", maps.text, spans), ("subject_pattern", maps.image, [columns, columns]),
    ] {
      for layer in layers {
        let pattern = try #require(patterns["\(layer.layer).\(point)"].first).tensor
        for sample in 0..<2 {
          for (subject, tokens) in groups[sample].enumerated() where !tokens.isEmpty {
            let mean = pattern.sliced(axis: 0, sample..<sample + 1).sliced(axis: 3, tokens).mean(axes: [0, 1, 3])
            let found = layer.maps.sliced(axis: 0, sample..<sample + 1).sliced(axis: 1, subject..<subject + 1)
            #expect(found.reshaped(mean.shape).isClose(to: mean, relative: 1e-5), "\(layer.layer) \(point)")
          }
        }
      }
    }
  }

  /// The gradient of the loss along a random direction of a weight, from the tape and from finite differences.
  @Test(arguments: ["to_k_ip", "to_k", "latent_proj.2"])
  func gradientsOfWeightsEqualFiniteDifferences(weight name: String) throws {
    var denoising = objective.denoising
    // Large weights and overlapping boxes, so that attention matters in the loss.
    denoising.attention = AttentionTerms(image: 30, text: 30, textPixels: 30)
    var batch = batch
    for index in 0..<2 {
      for subject in batch.subjects[index].boxes.indices {
        batch.subjects[index].boxes[subject] = Box(0.1 * Float(subject), 0.1, 0.9, 0.5 + 0.1 * Float(subject))
      }
    }
    let pipeline = objective.pipeline
    let weights = pipeline.weights(of: name == "to_k" ? .unet : .adapter)
      .filter { name == "to_k" ? $0.key.hasSuffix("attn2.to_k.weight") : $0.key.contains(name) }
    #expect(!weights.isEmpty)
    var numbers = TestNumbers(8)
    let directions = weights.map { numbers.tensor($0.shape, in: -1...1) }
    let values = weights.map(\.value)
    let variables = values.map { Tape.variable($0) }
    for (weight, variable) in zip(weights, variables) { weight.value = variable }
    let result = try denoising(batch)
    #expect(result.figures.map(\.name) == ["denoising", "imageAttention", "textAttention", "textPixels"])
    let gradients = Tape.gradients(of: result.loss, for: variables)
    let gradient = zip(gradients, directions).reduce(0.0) { sum, pair in
      sum + zip(pair.0.values, pair.1.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    func moved(_ by: Float) throws -> Double {
      for (index, weight) in weights.enumerated() { weight.value = values[index] + directions[index] * by }
      return Double(try denoising(batch).loss.item)
    }
    let step: Float = 0.01
    let coarse = (try moved(step) - moved(-step)) / Double(2 * step)
    let fine = (try moved(step / 2) - moved(-step / 2)) / Double(step)
    let difference = (4 * fine - coarse) / 3
    #expect(abs(gradient - difference) < 0.01 * abs(difference) + 1e-3, "\(gradient), \(difference)")
  }

  @Test func subjectsWithoutPhraseAndPaddingDoNotCount() throws {
    var denoising = objective.denoising
    denoising.attention = .grounding
    var batch = batch
    batch.subjects[1].spans = [0..<0, 5..<6, 0..<0]
    let one = try denoising(batch)
    let figure = try #require(one.figures.first { $0.name == "textAttention" })
    // Both attention losses by hand: three of the six subjects, padding included, count.
    let textMaps = try maps(branch(), spans: [spans[0], batch.subjects[1].spans]).text
    let pixels = try #require(one.figures.first { $0.name == "textPixels" })
    var (sum, entropies, counted) = (0.0, 0.0, 0.0)
    for layer in textMaps {
      for (sample, subject) in [(0, 0), (0, 1), (1, 1)] {
        let box = batch.subjects[sample].boxes[subject].mask(height: layer.grid.height, width: layer.grid.width)
        let map = layer.maps.sliced(axis: 0, sample..<sample + 1).sliced(axis: 1, subject..<subject + 1)
          .reshaped([layer.grid.height, layer.grid.width])
        let inside = Double((map * box).sum().item) / Double(map.sum().item)
        sum += (1 - inside) * (1 - inside)
        let tokens = (sample == 0 ? spans[0] : batch.subjects[1].spans)[subject].count
        let entropy = zip(map.values, box.values).map { attention, covered in
          let probability = Double(attention) * Double(tokens) * (1 - 2e-6) + 1e-6
          return -(Double(covered) * log(probability) + (1 - Double(covered)) * log(1 - probability))
        }
        entropies += entropy.reduce(0, +) / Double(entropy.count)
        counted += 1
      }
    }
    #expect(abs(Double(figure.value) - sum / counted) < 1e-5)
    #expect(abs(Double(pixels.value) - entropies / counted) < 1e-4 * entropies / counted)
    #expect(abs(one.loss.item - (one.figures[0].value + 0.1 * figure.value + 0.1 * pixels.value)) < 1e-5)
    // Without any phrase there are no attention terms.
    for index in 0..<2 { batch.subjects[index].spans = batch.subjects[index].spans.map { _ in 0..<0 } }
    #expect(try denoising(batch).figures.map(\.name) == ["denoising"])
  }

  /// Without confinement every position sees all subjects of its sample, and nothing else.
  @Test func subjectsNeedNotBeConfined() throws {
    var options = LayoutOptions()
    options.confinesSubjects = false
    for layer in try maps(branch(options), spans: spans).image {
      // Maps are means over four tokens, so their sum over subjects is a quarter.
      let total = layer.maps.sum(axes: [1]) * 4
      #expect(total.isClose(to: .ones(total.shape), absolute: 1e-5))
      let padded = layer.maps.sliced(axis: 0, 0..<1).sliced(axis: 1, 2..<3)
      #expect(padded == .zeros(padded.shape))
    }
    let confined = try objective.denoising.predicted(batch, branch: branch())
    #expect(try objective.denoising.predicted(batch, branch: branch(options)) != confined)
  }
}
