import Checkpoints
import Foundation
import Inspection
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct InspectionTests {
  @Test func aWholePipelineIsDescribed() throws {
    let inspection = try Inspection(Golden.path("pipeline"))
    #expect(inspection.isWhole)
    let text = inspection.lines.joined(separator: "\n")
    for kind in ModelKind.allCases { #expect(text.contains("looks like \(kind.rawValue)")) }
    #expect(inspection.lines.count { $0.contains("whole: every weight is there") } == 6)
    #expect(text.contains("ms_adapter.1.to_k_ip.weight  [32, 40]  float16"))
  }

  @Test func anAdapterIsCheckedAgainstTheUNetBesideIt() throws {
    let inspection = try Inspection(Golden.path("pipeline/ms_adapter.bin"), listsKeys: false)
    #expect(inspection.isWhole)
    #expect(inspection.lines.contains("  whole: every weight is there, none is surplus"))
    #expect(
      try Inspection(Golden.path("reader/legacy.bin"), listsKeys: false).lines.contains { $0.contains("not checked") })
  }

  @Test func missingPartsThatTheIndexNamesAreListed() throws {
    let folder = try TemporaryFolder()
    try ModelFolder(folder.path).copy(
      ModelPart.all.filter { $0 != .secondTextEncoder }, from: ModelFolder(Golden.path("pipeline")))
    let inspection = try Inspection(folder.path, listsKeys: false)
    #expect(!inspection.isWhole)
    #expect(inspection.lines.contains("  missing: text_encoder_2/"))
  }

  @Test func shardsAndPickledFilesAreDescribed() throws {
    #expect(try Inspection(Golden.path("unet_sharded"), listsKeys: false).isWhole)
    let lines = try Inspection(Golden.path("reader/mixed.bin")).lines
    #expect(lines.contains { $0.contains("value step: 1007") })
    #expect(lines[0].contains("looks like an MS-Diffusion adapter"))
    #expect(
      try Inspection(Golden.path("rng.safetensors"), listsKeys: false).lines[0].contains("belongs to no known model"))
  }

  @Test func missingSurplusAndWrongShapesAreListed() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.copyItem(
      atPath: Golden.path("pipeline/vae/config.json"), toPath: folder.file("config.json"))
    let vae = try Checkpoint(Golden.path("pipeline/vae"))
    var tensors = try vae.keys.map { (key: $0, tensor: try vae.stored($0).tensor) }
    let removed = tensors.remove(at: 3).key
    let changed = tensors[5].key
    tensors[5].tensor = .zeros([9, 9])
    tensors.append((key: "extra.weight", tensor: .zeros([2])))
    try SafetensorsFile.write(tensors, to: folder.file("diffusion_pytorch_model.safetensors"))
    let inspection = try Inspection(folder.path)
    #expect(!inspection.isWhole)
    #expect(inspection.lines.contains { $0.hasPrefix("  missing: \(removed) ") })
    #expect(inspection.lines.contains { $0.hasPrefix("  wrong shape: \(changed) is [9, 9]") })
    #expect(inspection.lines.contains("  surplus: extra.weight [2]"))
  }

  /// A copy of the golden folder, to be changed.
  private func copied() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try ModelFolder(folder.path).copy(ModelPart.all, from: ModelFolder(Golden.path("pipeline")))
    return folder
  }

  private func edit(_ file: String, _ entries: [(String, JSONValue)]) throws {
    guard case .object(var object)? = try JSONNode.read(file).value else { return }
    for (key, value) in entries { object[key] = value }
    try JSONValue.object(object).write(to: file)
  }

  /// Only a folder whose model can run is whole. If one part is wrong, the parts before and after it are still called
  /// whole.
  @Test(
    arguments: [
      ("vae/config.json", [("latent_channels", 5)], 5, "latent_channels"),
      ("image_encoder/preprocessor_config.json", [("crop_size", 84)], 6, "does not fit: image preprocessing"),
      ("text_encoder/config.json", [("eos_token_id", 7)], 6, "does not fit: tokenizer and text_encoder"),
      ("scheduler/scheduler_config.json", [("_class_name", "HeunDiscreteScheduler")], 6, "HeunDiscreteScheduler"),
      ("scheduler/scheduler_config.json", [("sigma_max", 80)], 6, "sigma_max"),
      ("tokenizer/tokenizer_config.json", [("bos_token", "<none>")], 6, "'<none>'"),
      ("unet/config.json", [("act_fn", "mish")], 4, "act_fn"),
    ] as [(String, [(String, JSONValue)], Int, String)])
  func onlyWhatRunsIsWhole(file: String, entries: [(String, JSONValue)], wholeParts: Int, words: String) throws {
    let folder = try copied()
    try edit(folder.file(file), entries)
    if file.hasPrefix("tokenizer") {
      try FileManager.default.removeItem(atPath: folder.file("tokenizer/special_tokens_map.json"))
    }
    let inspection = try Inspection(folder.path, listsKeys: false)
    #expect(!inspection.isWhole)
    #expect(inspection.lines.contains { $0.contains(words) }, "\(inspection.lines)")
    #expect(inspection.lines.count { $0.contains("whole: every weight is there") } == wholeParts)
    #expect(inspection.lines.last == "  the model cannot run as it is")
  }

  @Test func oneUnreadablePartDoesNotHideTheOthers() throws {
    let folder = try copied()
    try FileManager.default.removeItem(atPath: folder.file("unet/diffusion_pytorch_model.safetensors"))
    _ = try folder.write(
      Array("version https://git-lfs.github.com/spec/v1\nsize 9\n".utf8), as: "unet/diffusion_pytorch_model.safetensors"
    )
    let inspection = try Inspection(folder.path, listsKeys: false)
    #expect(!inspection.isWhole)
    #expect(inspection.lines.contains { $0.contains("Git LFS pointer") })
    #expect(inspection.lines.count { $0.contains("whole: every weight is there") } == 5)
  }

  @Test func anAdapterNeedsAnImageEncoder() throws {
    let folder = try copied()
    try FileManager.default.removeItem(atPath: folder.file("image_encoder"))
    let inspection = try Inspection(folder.path, listsKeys: false)
    #expect(!inspection.isWhole && inspection.lines.contains { $0.hasPrefix("  missing: image_encoder/") })
  }

  @Test func surplusWeightsAndATrainingCheckpointAreNotWhole() throws {
    let folder = try copied()
    let vae = try Checkpoint(folder.file("vae"))
    let tensors = try vae.keys.map { (key: $0, tensor: try vae.stored($0).tensor) }
    try SafetensorsFile.write(
      tensors + [("extra", .zeros([1]))], to: folder.file("vae/diffusion_pytorch_model.safetensors"))
    #expect(try !Inspection(folder.path, listsKeys: false).isWhole)
    try SafetensorsFile.write(tensors, to: folder.file("vae/diffusion_pytorch_model.safetensors"))
    #expect(try Inspection(folder.path, listsKeys: false).isWhole)
    try FileManager.default.removeItem(atPath: folder.file("ms_adapter.bin"))
    try SafetensorsFile.write(
      [("image_proj_model.a", Tensor(1)), ("adapter_modules.b", Tensor(1))], to: folder.file("ms_adapter.safetensors"))
    let inspection = try Inspection(folder.path, listsKeys: false)
    #expect(!inspection.isWhole && inspection.lines.contains { $0.contains("training saved") })
  }

  @Test func typesThatCannotBeReadAreListed() throws {
    let inspection = try Inspection(SavedFiles.path("mixed_types.safetensors"))
    #expect(inspection.lines.contains("  w  [2, 3]  float8_e4m3fn") && inspection.lines.contains("  u  [1]  uint16"))
    #expect(inspection.lines.contains { $0.contains("not readable: tensors of type float8_e4m3fn; uint16") })
  }

  @Test func variantsOfAFolderAreDescribed() throws {
    let folder = try copied()
    try FileManager.default.moveItem(
      atPath: folder.file("vae/diffusion_pytorch_model.safetensors"),
      toPath: folder.file("vae/diffusion_pytorch_model.fp16.safetensors"))
    for variant in [nil, "fp16"] {
      let inspection = try Inspection(folder.path, listsKeys: false, variant: variant)
      #expect(inspection.isWhole, "\(inspection.lines)")
    }
    #expect(try !Inspection(folder.path, listsKeys: false, variant: "fp17").isWhole)
  }

  @Test func unreadableFilesAreRefused() throws {
    let folder = try TemporaryFolder()
    for path in [folder.path, folder.file("none"), try folder.write([1, 2, 3], as: "x.safetensors")] {
      #expect(throws: CheckpointError.self) { try Inspection(path) }
    }
  }
}
