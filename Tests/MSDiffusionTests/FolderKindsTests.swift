import Checkpoints
import Foundation
import JSON
import Layers
import MSDiffusion
import Models
import Tensors
import TestSupport
import Testing

/// Model folders as they occur: as downloaded, as saved by current libraries, and with parts of other models.
@Suite struct FolderKindsTests {
  private let temporary: TemporaryFolder
  private let folder: ModelFolder

  init() throws {
    temporary = try TemporaryFolder()
    folder = try Small.copy(to: temporary)
  }

  private func edit(_ file: String, _ entries: [(String, JSONValue)]) throws {
    guard case .object(var object)? = try JSONNode.read(temporary.file(file)).value else { return }
    for (key, value) in entries { object[key] = value }
    try JSONValue.object(object).write(to: temporary.file(file))
  }

  private func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: temporary.file(file)) }

  /// The tensors of a part, in half precision as they are stored.
  private func tensors(_ part: ModelPart) throws -> [(key: String, tensor: Tensor)] {
    let checkpoint = try folder.checkpoint(of: part)
    return try checkpoint.keys.map { ($0, try checkpoint.stored($0).tensor) }
  }

  private func write(_ tensors: [(key: String, tensor: Tensor)], _ file: String) throws {
    try SafetensorsFile.write(tensors, as: .float16, to: temporary.file(file))
  }

  /// Whether a pipeline encodes a scene exactly as the golden one does.
  private func encodesAsGolden(_ pipeline: Pipeline) throws -> Bool {
    let (one, two) = (try pipeline.conditions(for: Small.scene()), try Small.pipeline().conditions(for: Small.scene()))
    return one.text == two.text && one.pooled == two.pooled && one.subjectTokens == two.subjectTokens
  }

  private func open(variant: String? = nil) throws -> Pipeline { try Pipeline(temporary.path, variant: variant) }

  // MARK: As downloaded and saved

  @Test func aVariantOfSomePartsIsEnough() throws {
    try FileManager.default.copyItem(
      atPath: temporary.file("vae/diffusion_pytorch_model.safetensors"),
      toPath: temporary.file("vae/diffusion_pytorch_model.fp16.safetensors"))
    let pipeline = try open(variant: "fp16")
    #expect(pipeline.sources[.vae]?.checkpoint.files.first?.hasSuffix("model.fp16.safetensors") == true)
    #expect(pipeline.sources[.unet]?.checkpoint.files.first?.hasSuffix("model.safetensors") == true)
    #expect(throws: CheckpointError.self) { try open(variant: "fp17") }
  }

  /// The image encoder's folder as the repository of a whole CLIP model has it.
  @Test func aWholeCLIPModelServesAsImageEncoder() throws {
    let vision = try folder.configuration(of: .imageEncoder).value ?? .null
    try JSONValue.object([
      ("architectures", ["CLIPModel"]), ("model_type", "clip"), ("projection_dim", 24),
      ("text_config", ["hidden_size": 24, "num_hidden_layers": 3]), ("vision_config", vision),
    ]).write(to: temporary.file("image_encoder/config.json"))
    let both = try tensors(.imageEncoder) + tensors(.secondTextEncoder) + [("logit_scale", Tensor(4))]
    try write(both, "image_encoder/model.safetensors")
    #expect(try encodesAsGolden(open()))
    // What belongs to neither half is still an error.
    try write(both + [("extra.weight", Tensor(1))], "image_encoder/model.safetensors")
    let error = #expect(throws: ParameterError.self) { try open() }
    #expect("\(try #require(error))".contains("'extra.weight'"))
  }

  @Test func aWholeCLIPModelServesAsTextEncoder() throws {
    let text = try folder.configuration(of: .secondTextEncoder).value ?? .null
    try JSONValue.object([
      ("architectures", ["CLIPModel"]), ("projection_dim", 24), ("text_config", text),
      ("vision_config", ["hidden_size": 32]),
    ]).write(to: temporary.file("text_encoder_2/config.json"))
    try write(
      tensors(.secondTextEncoder) + tensors(.imageEncoder) + [("logit_scale", Tensor(4))],
      "text_encoder_2/model.safetensors")
    #expect(try encodesAsGolden(open()))
  }

  @Test(arguments: [ModelPart.textEncoder, .secondTextEncoder, .imageEncoder], ["", "module.text_model.", "encoder."])
  func encodersMayHaveOtherOuterNames(part: ModelPart, name: String) throws {
    let renamed = try tensors(part).map { key, tensor in
      // The projection is beside the module that has all other weights.
      let inner = ["text_model.", "vision_model."].first { key.hasPrefix($0) }
      let outer = name == "module.text_model." && part != .imageEncoder ? "module." : ""
      return (key: inner.map { name + key.dropFirst($0.count) } ?? outer + key, tensor: tensor)
    }
    try write(renamed, "\(part.name)/model.safetensors")
    #expect(try encodesAsGolden(open()))
  }

  @Test func oblongModelsHaveTheirOwnSize() throws {
    for size: JSONValue in [[8, 12], ["height": 8, "width": 12]] {
      try edit("unet/config.json", [("sample_size", size)])
      let pipeline = try open()
      #expect(pipeline.nativeSize == 64 && pipeline.nativeWidth == 96)
      let image = try pipeline.generate(
        Small.scene {
          ($0.height, $0.width, $0.steps) = (nil, nil, 1)
          $0.subjects = []
        }
      ).image
      #expect(image.width == 96 && image.height == 64)
    }
  }

  @Test func preprocessingThatIsSwitchedOffIsLeftOut() throws {
    try edit("image_encoder/preprocessor_config.json", [("size", ["height": 56, "width": 56])])
    #expect(try encodesAsGolden(open()))
    try edit("image_encoder/preprocessor_config.json", [("do_normalize", false)])
    #expect(try !encodesAsGolden(open()))
  }

  @Test func configurationsMayBeginWithAByteOrderMark() throws {
    for file in ["unet/config.json", "model_index.json", "tokenizer/vocab.json"] {
      try Data([0xef, 0xbb, 0xbf] + bytes(of: temporary.file(file))).write(
        to: URL(fileURLWithPath: temporary.file(file)))
    }
    #expect(try encodesAsGolden(open()))
  }

  @Test func addedTokensNeedTheirRows() throws {
    for part in ["", "_2"] {
      try JSONValue.object([("<cat-toy>", 49408)]).write(to: temporary.file("tokenizer\(part)/added_tokens.json"))
    }
    #expect(throws: PipelineError.self) { try open() }
    for part in [ModelPart.textEncoder, .secondTextEncoder] {
      try edit("\(part.name)/config.json", [("vocab_size", 49409)])
      let grown = try tensors(part).map { key, tensor in
        key.hasSuffix("token_embedding.weight")
          ? (key: key, tensor: Tensor.concatenated([tensor, tensor.sliced(axis: 0, 0..<1)], axis: 0))
          : (key: key, tensor: tensor)
      }
      try write(grown, "\(part.name)/model.safetensors")
    }
    #expect(try open().pieces(of: "a <cat-toy>") == ["a", "<cat-toy>"])
  }

  // MARK: Schedulers

  @Test(arguments: ["HeunDiscreteScheduler", "EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler"])
  func aFolderWithAnotherSchedulerOpens(name: String) throws {
    try edit("scheduler/scheduler_config.json", [("_class_name", .string(name))])
    let pipeline = try open()
    let scene = try Small.scene {
      ($0.steps, $0.subjects) = (1, [])
    }
    let error = #expect(throws: SchedulerError.self) { try pipeline.generate(scene) }
    let text = "\(try #require(error))"
    #expect(text.contains(name) && text.contains("--scheduler") && text.contains("scheduler_config.json"))
    var named = scene
    named.scheduler = .ddim
    _ = try pipeline.generate(named)
  }

  /// Options that only the folder's own scheduler reads do not stop another one.
  @Test func optionsOfTheFoldersSchedulerStopOnlyThatOne() throws {
    try edit("scheduler/scheduler_config.json", [("final_sigmas_type", "sigma_min"), ("sigma_max", 80)])
    let pipeline = try open()
    var scene = try Small.scene {
      ($0.steps, $0.subjects) = (1, [])
    }
    #expect(throws: SchedulerError.self) { try pipeline.generate(scene) }
    scene.scheduler = .ddim
    _ = try pipeline.generate(scene)
    scene.scheduler = .uniPC
    #expect(throws: SchedulerError.self) { try pipeline.generate(scene) }
  }

  @Test func theIndexNamesASchedulerWithoutAClass() throws {
    try edit("scheduler/scheduler_config.json", [("_class_name", .null)])
    _ = try open().generate(
      Small.scene {
        ($0.steps, $0.subjects) = (1, [])
      })
  }

  // MARK: The adapter's place

  @Test(
    arguments: [
      (["image_proj_model.", "adapter_modules."], "training saved"),
      (["unet.image_proj_model.", "unet.x."], "training saved"),
      (["image_proj.", "ip_adapter."], "an IP-Adapter"), (["lora_unet_a.lora_down.", "b."], "a LoRA"),
      (["module.image_proj.", "module.ms_adapter."], "whose keys all have a prefix"),
      (["a.", "b."], "a file without such keys"),
    ])
  func whatLiesInTheAdaptersPlaceIsNamed(beginnings: [String], meaning: String) throws {
    try remove("ms_adapter.bin")
    let renamed = try tensors(.adapter).map { key, tensor in
      (
        key: key.replacing("image_proj.", with: beginnings[0]).replacing("ms_adapter.", with: beginnings[1]),
        tensor: tensor
      )
    }
    try write(renamed, "ms_adapter.safetensors")
    let error = #expect(throws: PipelineError.self) { try open() }
    let text = "\(try #require(error))"
    #expect(
      text.contains(meaning) && text.contains("'image_proj.…'") && text.contains("ms_adapter.safetensors"), "\(text)")
  }

  @Test(arguments: [ModelPart.unet, .imageEncoder, .secondTextEncoder])
  func otherPartsInTheAdaptersPlaceAreNamed(part: ModelPart) throws {
    try write(tensors(part), "ms_adapter.safetensors")
    let error = #expect(throws: PipelineError.self) { try open() }
    let names: [ModelPart: String] = [
      .unet: "a U-Net", .imageEncoder: "vision encoder", .secondTextEncoder: "text encoder",
    ]
    #expect("\(try #require(error))".contains(names[part] ?? "?"))
  }

  // MARK: Parts of other models

  @Test func partsOfOtherModelsAreRefusedAtOpening() throws {
    try edit("image_encoder/preprocessor_config.json", [("crop_size", ["height": 84, "width": 84])])
    let crop = #expect(throws: PipelineError.self) { try open() }
    let sizes = "\(try #require(crop))"
    #expect(sizes.contains("84×84") && sizes.contains("56×56"))
    try edit("image_encoder/preprocessor_config.json", [("crop_size", 56)])
    try write(
      tensors(.imageEncoder).map { key, tensor in
        (key: key, tensor: .zeros(tensor.shape.map { $0 == 32 ? 48 : $0 }))
      }, "image_encoder/model.safetensors")
    try edit("image_encoder/config.json", [("hidden_size", 48)])
    let width = #expect(throws: PipelineError.self) { try open() }
    let text = "\(try #require(width))"
    for word in ["image_encoder", "ms_adapter", "48", "32", "config.json", "ms_adapter.safetensors"] {
      #expect(text.contains(word))
    }
  }
}
