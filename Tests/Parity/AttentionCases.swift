import Analysis
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors
import Training

// Axes: B batch rows, R subjects.

extension ParityFolder {
  /// `attention.*`: one layer of multi-subject cross-attention, called once or several times per case.
  func attentionCases(_ file: GoldenFile, _ settings: JSONNode) throws {
    let sizes = AttentionCaseSizes(
      width: try settings["width"].int(), heads: try settings["heads"].int(), context: try settings["ctx"].int(),
      tokens: try settings["tokens"].int(), dummies: try settings["dummies"].int(),
      text: try settings["text_tokens"].int())
    let side = try settings["side"].int()
    for name in try settings["cases"].keys() {
      attempt("attention.\(name)") {
        try attentionCase(name, file, settings["cases"][name], sizes, on: FeatureGrid(height: side, width: side))
      }
    }
  }

  private func attentionCase(
    _ name: String, _ file: GoldenFile, _ settings: JSONNode, _ sizes: AttentionCaseSizes, on grid: FeatureGrid
  ) throws {
    let prefix = "attention.\(name)."
    let catalog = HookCatalog()
    let scope = try scope(file, "attention.weights.", catalog: catalog)
    let layer = try CrossAttention(scope, width: sizes.width, contextWidth: sizes.context, heads: sizes.heads)
    let subject = try SubjectAttention(scope, beside: layer)

    let (spans, hidden) = (try file.tensor(prefix + "spans", rank: 3), try file.tensor(prefix + "hidden", rank: 4))
    let (batch, subjects) = (spans.shape[0], spans.shape[1])
    let keys = sizes.text + sizes.dummies + subjects * sizes.tokens
    let context = try file.tensor(prefix + "context", [batch, keys, sizes.context])
    let text = context.sliced(axis: 1, 0..<sizes.text)
    let image = context.sliced(axis: 1, sizes.text..<keys)
    let boxes = boxes(try file.tensor(prefix + "boxes", [batch, subjects, 4]))
    guard hidden.shape.dropFirst() == [batch, grid.count, sizes.width] else {
      throw ParityError.unfit(
        prefix + "hidden", expected: "one tensor of shape \([batch, grid.count, sizes.width]) per call",
        found: "shape \(hidden.shape)")
    }
    let ranges = try ranges(spans, below: sizes.text, in: prefix + "spans")
    let scales = settings["subject_scales"].isPresent ? try settings["subject_scales"].floats() : nil
    guard scales.map({ $0.count == subjects }) ?? true else {
      throw ParityError.unfit(prefix + "subject_scales", expected: "\(subjects) scales", found: "\(scales ?? [])")
    }
    let rows = (0..<context.shape[0]).map { row in
      SubjectRow(
        context: image.sliced(axis: 0, row..<row + 1).reshaped([-1, sizes.context]),
        boxes: Array(boxes[row * subjects..<(row + 1) * subjects]),
        spans: ranges[row], scale: Float((try? settings["scale"].double()) ?? 1), subjectScales: scales)
    }
    var options = LayoutOptions()
    options.zeroesBackground = !(try settings["fused"].bool(or: false))
    if settings["pseudo"].isPresent {
      let pseudo = try settings["pseudo"].floats()
      options.pseudoLayout = PseudoLayout(threshold: .fixed(pseudo[0]), startStep: Int(pseudo[1]))
    }
    let branch = SubjectBranch(
      [subject], dummies: sizes.dummies, tokens: sizes.tokens, rows: rows, options: options)
    let attended = AttentionContext(text, for: [layer], branches: [branch])

    let textMaps = LayerMapRecorder(.text, groups: rows.map(\.spans))
    let probabilities = ActivationRecorder(HookSelection(.subjectAttention))
    let observers: [any Observing] = [textMaps, probabilities] + (branch.layout.observer.map { [$0] } ?? [])
    let session = try HookSession(observers, catalog: catalog)
    var outputs: [Tensor] = []
    for call in 0..<hidden.shape[0] {
      let input = hidden.sliced(axis: 0, call..<call + 1).reshaped(Array(hidden.shape.dropFirst()))
      outputs.append(
        try session.during(Moment(step: call)) { layer(input, attended, on: grid) })
    }
    report.compare(prefix + "out", .stacked(outputs, axis: 0), with: try file.tensor(prefix + "out"))
    report.compare(
      prefix + "text_maps", .stacked(textMaps.layers.map(\.maps), axis: 0), with: try file.tensor(prefix + "text_maps"))
    if file.has(prefix + "image_probs") {
      report.compare(
        prefix + "image_probs", .stacked(probabilities.activations.map(\.tensor), axis: 0),
        with: try file.tensor(prefix + "image_probs"))
    }
  }

  /// `unet.*`: one forward pass without and with the adapter, block by block.
  func unet(_ file: GoldenFile, _ settings: JSONNode) throws {
    let pipeline = try pipeline()
    let sample = try file.tensor("unet.sample", rank: 4)
    let batch = sample.shape[0]
    let added =
      pipeline.unet.configuration.addedConditions == nil
      ? nil
      : AddedConditions(
        pooledText: try file.tensor("unet.pooled", rank: 2), timeIDs: try file.tensor("unet.time_ids", [batch, 6]))
    let spans = try file.tensor("unet.spans", rank: 3)
    let subjects = spans.shape[1]
    let width = pipeline.unet.configuration.contextWidths[0]
    let tokens = (pipeline.adapter?.dummies ?? 0) + subjects * (pipeline.adapter?.tokens ?? 0)
    let image = try file.tensor("unet.image_context", [batch, tokens, width])
    let boxes = boxes(try file.tensor("unet.boxes", [batch, subjects, 4]))
    let text = try file.tensor("unet.text", rank: 3)
    let ranges = try ranges(spans, below: text.shape[1], in: "unet.spans")
    let rows = (0..<image.shape[0]).map { row in
      SubjectRow(
        context: image.sliced(axis: 0, row..<row + 1).reshaped(Array(image.shape.dropFirst())),
        boxes: Array(boxes[row * subjects..<(row + 1) * subjects]),
        spans: ranges[row], scale: Float((try? settings["scale"].double()) ?? 1))
    }
    for variant in ["plain", "adapter"] where !file.keys(under: "unet.\(variant).").isEmpty {
      let branch = variant == "plain" ? nil : pipeline.adapter.map { SubjectBranch($0, rows: rows) }
      let context = AttentionContext(
        text, for: pipeline.unet.crossAttentionLayers, branches: branch.map { [$0] } ?? [])
      let outputs = Mutex<[String: Tensor]>([:])
      let session = try HookSession(
        [
          Hook.observe(HookSelection(.blockOutput)) { event in outputs.withLock { $0[event.point.name] = event.tensor }
          }
        ],
        catalog: pipeline.hooks)
      let timesteps = try file.tensor("unet.t").values
      let prediction = try session.during(Moment()) {
        pipeline.unet(sample, timesteps: timesteps, context: context, added: added)
      }
      for key in file.keys(under: "unet.\(variant).") {
        let name = "unet.\(variant).\(key)"
        guard let found = key == "out" ? prediction : outputs.withLock({ $0[Self.hookName(ofBlock: key)] }) else {
          report.fail(name, "the U-Net has no block of this name")
          continue
        }
        report.compare(name, found, with: try file.tensor(name))
      }
    }
  }

  /// Token spans [B, R, 2] as ranges: one list per row of the batch.
  /// - Throws: ``ParityError/unfit(_:expected:found:)`` if a span is reversed or not within 0…`count`.
  private func ranges(_ spans: Tensor, below count: Int, in place: String) throws -> [[Range<Int>]] {
    let numbers = spans.values.map { Int($0) }
    return try (0..<spans.shape[0]).map { row in
      try (0..<spans.shape[1]).map { subject in
        let start = 2 * (row * spans.shape[1] + subject)
        let (from, to) = (numbers[start], numbers[start + 1])
        guard 0 <= from, from <= to, to <= count else {
          throw ParityError.unfit(place, expected: "spans within 0…\(count), not reversed", found: "\(from)…\(to)")
        }
        return from..<to
      }
    }
  }

  /// The name of the hook point for a block that the golden values call `down0`, `mid` and so on.
  private static func hookName(ofBlock key: String) -> String {
    if key == "mid" { return "mid_block.output" }
    for part in ["down", "up"] {
      if key.hasPrefix(part), let index = Int(key.dropFirst(part.count)) { return "\(part)_blocks.\(index).output" }
    }
    return key + ".output"
  }
}

private struct AttentionCaseSizes {
  let width, heads, context, tokens, dummies, text: Int
}
