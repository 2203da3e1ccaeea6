import Checkpoints
import Foundation
import Inspection
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

  @Test func unreadableFilesAreRefused() throws {
    let folder = try TemporaryFolder()
    for path in [folder.path, folder.file("none"), try folder.write([1, 2, 3], as: "x.safetensors")] {
      #expect(throws: CheckpointError.self) { try Inspection(path) }
    }
  }
}
