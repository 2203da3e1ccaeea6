import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Old and new names of weight files in published folders: variants, shards and indexes.
@Suite struct WeightFilesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ number: Float, _ name: String, key: String = "w") throws {
    let path = folder.file(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try SafetensorsFile.write([(key: key, tensor: Tensor([number], shape: [1]))], to: path)
  }

  /// Two shards with the tensors `a` and `b`, and their index.
  private func writeShards(_ names: [String], index: String, numbers: [Float] = [1, 2]) throws {
    for (name, (key, number)) in zip(names, zip(["a", "b"], numbers)) { try write(number, name, key: key) }
    let map = JSONValue.object(zip(["a", "b"], names).map { ($0, .string(($1 as NSString).lastPathComponent)) })
    try JSONValue.object([("weight_map", map)]).write(to: folder.file(index))
  }

  @Test(arguments: [
    ("model.fp16-0000%-of-00002.safetensors", "model.safetensors.index.fp16.json"),
    ("model-0000%-of-00002.fp16.safetensors", "model.safetensors.index.fp16.json"),
    ("model.fp16-0000%-of-00002.safetensors", "model.fp16.safetensors.index.json"),
  ])
  func shardsOfAVariantAreOneVariant(shard: String, index: String) throws {
    try writeShards((1...2).map { shard.replacing("%", with: "\($0)") }, index: index)
    for variant in [nil, "fp16"] {
      let checkpoint = try Checkpoint(folder.path, variant: variant)
      #expect(checkpoint.keys == ["a", "b"])
      #expect(try checkpoint.stored("b").tensor.item == 2)
    }
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(folder.path, variant: "bf16") }
    #expect("\(try #require(error))".contains("bf16.safetensors"))
  }

  @Test func plainShardsComeBeforeAVariant() throws {
    try writeShards(
      (1...2).map { "model-0000\($0)-of-00002.safetensors" }, index: "model.safetensors.index.json", numbers: [3, 4])
    try write(5, "model.fp16.safetensors")
    #expect(try Checkpoint(folder.path).stored("a").tensor.item == 3)
    #expect(try Checkpoint(folder.path, variant: "fp16").stored("w").tensor.item == 5)
  }

  @Test func shardsWithoutTheirIndexAreNamed() throws {
    for (name, variant) in [
      ("model-00001-of-00002.safetensors", nil), ("model.fp16-00001-of-00002.safetensors", "fp16"),
    ] {
      try write(1, name)
      let error = #expect(throws: CheckpointError.self) { try Checkpoint(folder.path, variant: variant) }
      let text = "\(try #require(error))"
      #expect(text.contains(name) && text.contains("model.safetensors.index\(variant.map { "." + $0 } ?? "").json"))
    }
  }

  @Test func severalVariantsNeedAChoice() throws {
    try write(1, "model.fp16.safetensors")
    try write(2, "model.bf16.safetensors")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(folder.path) }
    #expect("\(try #require(error))".contains("bf16, fp16"))
    #expect(try Checkpoint(folder.path, variant: "bf16").stored("w").tensor.item == 2)
  }

  @Test func namesOfOtherFilesAreIgnored() throws {
    try write(1, "model.safetensors")
    for name in ["model_ema.safetensors", "openvino_model.bin", "model.onnx", "flax_model.msgpack", "optimizer.bin"] {
      _ = try folder.write([1], as: name)
    }
    #expect(try Checkpoint(folder.path).stored("w").tensor.item == 1)
  }

  /// A folder in which only some parts have the variant.
  @Test func aPartWithoutTheVariantIsReadWithoutIt() throws {
    try write(1, "unet/diffusion_pytorch_model.safetensors")
    try write(2, "unet/diffusion_pytorch_model.fp16.safetensors")
    try write(3, "vae/diffusion_pytorch_model.safetensors")
    let half = ModelFolder(folder.path, variant: "fp16")
    try half.checkVariant()
    #expect(try half.checkpoint(of: .unet).stored("w").tensor.item == 2)
    #expect(try half.checkpoint(of: .vae).stored("w").tensor.item == 3)
    #expect(try ModelFolder(folder.path).checkpoint(of: .unet).stored("w").tensor.item == 1)
    let error = #expect(throws: CheckpointError.self) { try ModelFolder(folder.path, variant: "fp61").checkVariant() }
    let text = "\(try #require(error))"
    #expect(text.contains("'fp61'") && text.contains("only fp16"))
    // The part has neither the variant nor plain weights: the only other variant is read.
    try FileManager.default.removeItem(atPath: folder.file("vae/diffusion_pytorch_model.safetensors"))
    try write(4, "vae/diffusion_pytorch_model.bf16.safetensors")
    #expect(try half.checkpoint(of: .vae).stored("w").tensor.item == 4)
  }

  @Test func preprocessingMayBeInTheFileOfAllProcessors() throws {
    try FileManager.default.createDirectory(atPath: folder.file("image_encoder"), withIntermediateDirectories: true)
    let model = ModelFolder(folder.path)
    #expect(try model.imageProcessor()?.isPresent == nil)
    try JSONValue.object([("image_processor", ["size": 56])]).write(
      to: folder.file("image_encoder/processor_config.json"))
    #expect(try model.imageProcessor()?["size"].int() == 56)
    try JSONValue.object([("size", 84)]).write(to: folder.file("image_encoder/preprocessor_config.json"))
    #expect(try model.imageProcessor()?["size"].int() == 84)
  }
}
