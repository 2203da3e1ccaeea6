import Analysis
import Foundation
import Images
import JSON
import Layers
import MSDiffusion
import Models
import Synchronization
import Tensors

// Axes: S samples, R groups of tokens, h and w are the layer's height and width.

extension ParityFolder {
  /// `generate/`: whole generations, from photographs, prompt and seed to pixels.
  func generations() throws {
    let names = Self.files(in: path + "/generate")
    let requests = names.filter { $0.hasSuffix(".json") }.map { ($0 as NSString).deletingPathExtension }
    var known = Set(requests.flatMap { [$0 + ".json", $0 + ".safetensors"] })
    for request in requests {
      attempt("generate/" + request) { known.formUnion(try generation(request)) }
    }
    for name in names where !known.contains(name) {
      report.fail("generate/" + name, "this file belongs to no request, so it was not compared")
    }
  }

  /// Runs one request and compares all intermediate results and the images.
  /// - Returns: The file names of the golden images.
  private func generation(_ name: String) throws -> [String] {
    let prefix = "generate/\(name): "
    let request = try json("generate/\(name).json")
    let golden = try GoldenFile(path, "generate/\(name).safetensors")
    let pipeline = try pipeline()
    let scene = try scene(request)
    let conditions = try pipeline.conditions(for: scene)
    try compareConditions(golden, prefix, request, scene, conditions, pipeline)

    let (text, subjects) = (AttentionRecorder(.text), AttentionRecorder(.subjects))
    let run = try pipeline.denoising([scene], conditions: [conditions], observing: [text, subjects])
    let steps = Array(run)
    if let failure = run.failure { throw failure }
    let measured = request["float64_relative_difference"]
    func tolerance(_ part: String) throws -> Tolerance { .relative(max(1e-4, 20 * (try measured[part].double(or: 0)))) }
    func compare(_ key: String, _ found: Tensor, _ tolerance: Tolerance) throws {
      if golden.has(key) { report.compare(prefix + key, found, with: try golden.tensor(key), tolerance) }
    }
    try compare("noise", run.initialNoise, .absolute(1e-6))
    try compare("initial_latents", run.initialLatents, .relative(1e-6))
    try compare("timesteps", Tensor(steps.map(\.timestep), shape: [steps.count]), .exact)
    try compare("unet_out", .stacked(steps.map(\.prediction), axis: 0), tolerance("unet_out"))
    try compare("step_latents", .stacked(steps.map(\.latents), axis: 0), tolerance("step_latents"))
    try compare("latents", run.latents, tolerance("latents"))
    let decoded = pipeline.decode(run.latents)
    try compare("decoded", decoded, tolerance("decoded"))
    for layer in golden.keys(under: "text_map.") {
      try compare("text_map." + layer, means(text, layer, scene) { _ in conditions.spans }, tolerance("text_maps"))
    }
    for layer in golden.keys(under: "image_map.") {
      let found = try means(subjects, layer, scene) { count in (0..<count).map { $0..<$0 + 1 } }
      try compare("image_map." + layer, found, tolerance("image_maps"))
    }
    golden.finish(report)

    let images = try request["images"].strings()
    for (index, image) in Pipeline.images(decoded).enumerated() where index < images.count {
      let expected = try PixelImage(contentsOf: path + "/" + images[index])
      guard (expected.width, expected.height) == (image.width, image.height) else {
        report.fail(
          prefix + images[index], "\(image.width)×\(image.height) pixels, expected \(expected.width)×\(expected.height)"
        )
        continue
      }
      report.compare(
        prefix + images[index], image.pixels.map(Double.init), with: expected.pixels.map(Double.init), .absolute(1))
    }
    if images.count != scene.samples {
      report.fail(prefix + "images", "\(scene.samples) samples, expected one for each of \(images.count) images")
    }
    return images.map { ($0 as NSString).lastPathComponent }
  }

  /// The request as a scene.
  private func scene(_ request: JSONNode) throws -> Scene {
    let phrases = try request["phrases"].strings()
    let scales = request["subject_scales"].isPresent ? try request["subject_scales"].floats() : nil
    let photos = try request["photos"].strings()
    let boxes = try request["boxes"].array().map { try Box(validating: $0.floats()) }
    let counts = [photos.count, boxes.count] + (scales.map { [$0.count] } ?? [])
    guard counts.allSatisfy({ $0 == phrases.count }) else {
      throw ParityError.unfit(
        request.location,
        expected: "a photo, a box and, if scales are given, a scale for each of the \(phrases.count) phrases",
        found: "\(photos.count) photos, \(boxes.count) boxes" + (scales.map { ", \($0.count) scales" } ?? ""))
    }
    guard let seed = UInt64(exactly: try request["seed"].int()) else {
      throw ParityError.unfit(request["seed"].location, expected: "0 or more", found: "\(try request["seed"].int())")
    }
    let subjects = try phrases.indices.map { index in
      Subject(
        phrases[index], image: try PixelImage(contentsOf: path + "/" + photos[index]), box: boxes[index],
        scale: scales?[index])
    }
    var scene = Scene(
      try request["prompt"].string(), subjects: subjects,
      negativePrompt: request["negative_prompt"].isPresent ? try request["negative_prompt"].string() : nil,
      height: try request["height"].int(), width: try request["width"].int(),
      steps: try request["num_inference_steps"].int(), guidance: Float(try request["guidance_scale"].double()),
      seed: seed, samples: try request["num_samples"].int(or: 1),
      scale: Float(try request["scale"].double()),
      dropsGrounding: try request["drop_grounding_tokens"].int(or: 0) != 0)
    if request["mask_threshold"].isPresent {
      scene.layout.pseudoLayout = PseudoLayout(
        threshold: .fixed(Float(try request["mask_threshold"].double())), startStep: try request["start_step"].int())
    }
    scene.findsPhrasesAsPublished = true
    return scene
  }

  private func compareConditions(
    _ golden: GoldenFile, _ prefix: String, _ request: JSONNode, _ scene: Scene, _ conditions: Conditions,
    _ pipeline: Pipeline
  ) throws {
    let spans = try request["phrase_spans"].array().map { try $0.ints() }
    report.compare(
      prefix + "phrase_spans", conditions.spans.flatMap { [$0.lowerBound, $0.upperBound] }, with: spans.flatMap { $0 })
    let branch = pipeline.text[0]
    let length = branch.encoder.configuration.positions
    if golden.has("phrase_ids") {
      report.compare(
        prefix + "phrase_ids", scene.phrases.flatMap { branch.tokenizer.encode($0, length: length).ids },
        with: try golden.integers("phrase_ids"))
    }
    let context = pipeline.adapter?.dummyContext ?? .zeros([0, conditions.subjectTokens.shape[2]])
    let tokens = Tensor.concatenated(
      [context, conditions.subjectTokens.reshaped([-1, context.shape[1]])], axis: 0)
    let samples = scene.samples
    func rows(_ tensor: Tensor) -> Tensor { .stacked(Array(repeating: tensor, count: samples), axis: 0) }
    let found: [(key: String, tensor: Tensor)] = [
      ("phrase_embeds", conditions.phrases), ("image_features", conditions.imageFeatures),
      ("image_tokens", rows(tokens)), ("text", rows(conditions.text)), ("text_negative", rows(conditions.negativeText)),
      ("pooled", rows(conditions.pooled)), ("pooled_negative", rows(conditions.negativePooled)),
    ]
    for (key, tensor) in found where golden.has(key) {
      let expected = try golden.tensor(key)
      // Conditions are the same for every sample; the golden values may contain them once or once per sample.
      let shown =
        expected.shape[0] == tensor.shape[0]
        ? tensor : tensor.sliced(axis: 0, 0..<min(expected.shape[0], tensor.shape[0]))
      report.compare(prefix + key, shown, with: expected)
    }
    if golden.has("time_ids") {
      let expected = try golden.tensor("time_ids")
      let ids = try pipeline.timeIDs(of: scene)
      report.compare(
        prefix + "time_ids", .stacked(Array(repeating: ids, count: expected.shape[0]), axis: 0), with: expected, .exact)
    }
  }
}

extension ParityFolder {
  /// A layer's maps for groups of tokens, averaged over steps and heads, `[S, R, h, w]`.
  /// - Parameter groups: returns the groups for a number of tokens.
  private func means(
    _ recorder: AttentionRecorder, _ layer: String, _ scene: Scene, _ groups: (Int) -> [Range<Int>]
  ) throws -> Tensor {
    .stacked(
      try (0..<scene.samples).map { sample in
        let maps = try recorder.maps(sample: sample)
        return try maps.groupMaps(groups(maps.tokenCount(inLayer: layer)), inLayer: layer)
      }, axis: 0)
  }
}
