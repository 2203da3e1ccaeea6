import Analysis
import Foundation
import Images
import JSON
import Layers
import MSDiffusion
import Models
import Tensors

extension ParityFolder {
  /// `components.safetensors` with its settings in `components.json`.
  func components() throws {
    let file = try GoldenFile(path, "components.safetensors")
    let settings = try json("components.json")
    let parts: [(prefix: String, run: () throws -> Void)] = [
      ("fourier.", { try self.fourier(file, settings) }), ("linear.", { try self.linear(file, settings) }),
      ("plain.", { try self.plain(file, settings) }), ("grounding.", { try self.grounding(file) }),
      ("masks.", { try self.masks(file) }), ("attention.", { try self.attentionCases(file, settings["attention"]) }),
      ("attention_loss.", { try self.attentionLoss(file) }), ("timestep.", { try self.timesteps(file) }),
      ("photo.", { try self.photos(file) }), ("vision.", { try self.vision(file, settings) }),
      ("text", { try self.texts(file, settings) }), ("vae.", { try self.vae(file) }),
      ("unet.", { try self.unet(file, settings["unet"]) }),
    ]
    for (prefix, run) in parts where file.keys.contains(where: { $0.hasPrefix(prefix) }) {
      attempt("components " + prefix.dropLast(prefix.hasSuffix(".") ? 1 : 0), run)
    }
    if settings["adapter_layers"].isPresent { try adapterLayers(settings["adapter_layers"]) }
    file.finish(report)
  }

  private func fourier(_ file: GoldenFile, _ settings: JSONNode) throws {
    let features = boxFeatures(
      boxes(try file.tensor("fourier.boxes", columns: 4, rank: 2)), bands: try settings["fourier"]["bands"].int(or: 8),
      temperature: Float(try settings["fourier"]["temperature"].double(or: 100)))
    report.compare("fourier.out", features, with: try file.tensor("fourier.out"))
  }

  private func linear(_ file: GoldenFile, _ settings: JSONNode) throws {
    let scope = try scope(file, "linear.weights.")
    let projector = try LinearProjector(scope, .init(AdapterSizes(settings["linear"], weights: scope)))
    let width = try file.tensor("linear.weights.proj.weight", rank: 2).shape[1]
    let input = try file.tensor("linear.in", columns: width, rank: 2)
    report.compare("linear.out", projector(input), with: try file.tensor("linear.out"))
  }

  private func plain(_ file: GoldenFile, _ settings: JSONNode) throws {
    let scope = try scope(file, "plain.weights.")
    let resampler = try PlainResampler(scope, .init(AdapterSizes(settings["plain"], weights: scope)))
    let width = try file.tensor("plain.weights.proj_in.weight", rank: 2).shape[1]
    let input = try file.tensor("plain.in", columns: width, rank: 3)
    report.compare("plain.out", resampler(input), with: try file.tensor("plain.out"))
  }

  private func grounding(_ file: GoldenFile) throws {
    guard let resampler = try pipeline().adapter?.projector as? GroundingResampler else {
      return report.fail("grounding", "the pipeline's adapter has no grounding resampler")
    }
    let boxes = boxes(try file.tensor("grounding.boxes", columns: 4, rank: 2))
    let phrases = try file.tensor("grounding.phrases", [boxes.count, resampler.configuration.phraseWidth ?? 0])
    let images = try file.tensor("grounding.in", columns: resampler.configuration.imageWidth, rank: 3)
    let drop = try file.integers("grounding.drop")
    let each = boxes.count / max(drop.count, 1)
    guard each * drop.count == boxes.count, images.shape[0] == boxes.count else {
      throw ParityError.unfit(
        "grounding", expected: "one image per box, and equally many boxes in each of \(drop.count) samples",
        found: "\(boxes.count) boxes and \(images.shape[0]) images")
    }
    let seeds = Tensor.concatenated(
      drop.enumerated().map { sample, drops in
        let rows = sample * each..<(sample + 1) * each
        return drops == 0
          ? resampler.queries(phrases: phrases.sliced(axis: 0, rows), boxes: Array(boxes[rows]))
          : resampler.droppedQueries(subjects: each)
      }, axis: 0)
    report.compare("grounding.seeds", seeds, with: try file.tensor("grounding.seeds"))
    report.compare(
      "grounding.out", resampler(images, queries: seeds),
      with: try file.tensor("grounding.out"))
  }

  private func masks(_ file: GoldenFile) throws {
    let boxes = boxes(try file.tensor("masks.boxes", columns: 4, rank: 2))
    for key in file.keys(under: "masks.side") {
      let golden = try file.tensor("masks.side" + key, rank: 3)
      let found = Tensor.stacked(
        boxes.map { $0.mask(height: golden.shape[1], width: golden.shape[2]) }, axis: 0)
      report.compare("masks.side" + key, found, with: golden, .exact)
    }
  }

  private func attentionLoss(_ file: GoldenFile) throws {
    let count = file.keys(under: "attention_loss.map").count
    let flat = try file.tensor("attention_loss.boxes", columns: 4, rank: 3)
    let boxes = boxes(flat)
    let rows = (0..<flat.shape[0]).map { Array(boxes[$0 * flat.shape[1]..<($0 + 1) * flat.shape[1]]) }
    let maps = try (0..<count).map { try file.tensor("attention_loss.map\($0)", rank: 4) }
    if let other = maps.first(where: { $0.shape.prefix(2) != flat.shape.prefix(2) }) {
      throw ParityError.unfit(
        "attention_loss.map", expected: "maps of \(flat.shape[0]) samples with \(flat.shape[1]) subjects each",
        found: "shape \(other.shape)")
    }
    let regions = maps.map { AttentionLoss.regions(of: rows, height: $0.shape[2], width: $0.shape[3]) }
    let value = AttentionLoss.value(maps: maps, regions: regions)
    report.compare("attention_loss.value", value.reshaped([1]), with: try file.tensor("attention_loss.value"))
    let gradients = AttentionLoss.gradients(maps: maps, regions: regions)
    for index in 0..<count {
      report.compare(
        "attention_loss.grad\(index)", gradients[index], with: try file.tensor("attention_loss.grad\(index)"))
    }
    let valid = AttentionLoss.value(
      maps: maps, regions: regions, valid: try file.tensor("attention_loss.valid", Array(flat.shape.prefix(2))))
    report.compare(
      "attention_loss.value_valid", valid.reshaped([1]), with: try file.tensor("attention_loss.value_valid"))
  }

  private func timesteps(_ file: GoldenFile) throws {
    let numbers = try file.tensor("timestep.t").values
    for key in file.keys(under: "timestep.dim") {
      let golden = try file.tensor("timestep.dim" + key, rank: 2)
      report.compare("timestep.dim" + key, sinusoidalFeatures(numbers, width: golden.shape[1]), with: golden)
    }
  }

  /// The numbering of adapter layers along the U-Net's attention processors.
  private func adapterLayers(_ settings: JSONNode) throws {
    let layers = try pipeline().unet.crossAttentionLayers.map(\.name)
    for key in try settings.keys() {
      guard let index = Int(key) else { continue }
      let golden = try settings[key].string().replacing(".processor", with: "")
      let own = layers[min(index / 2, layers.count - 1)]
      let found = index % 2 == 1 ? own : own.replacing(".attn2", with: ".attn1")
      report.compare("adapter_layers \(key): \(golden)", found == golden ? [1] : [0], with: [1])
    }
  }

  /// The boxes in the rows of a tensor [..., 4].
  func boxes(_ tensor: Tensor) -> [Box] {
    let numbers = tensor.values
    return stride(from: 0, to: numbers.count, by: 4).map {
      Box(numbers[$0], numbers[$0 + 1], numbers[$0 + 2], numbers[$0 + 3])
    }
  }

  /// A scope with weights from the golden values.
  func scope(_ file: GoldenFile, _ prefix: String, catalog: HookCatalog = HookCatalog()) throws -> Scope {
    Scope(TensorSource(try file.weights(under: prefix), name: "\(file.name): \(prefix)"), catalog: catalog)
  }
}
