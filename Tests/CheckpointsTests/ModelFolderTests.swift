import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct ModelFolderTests {
  private func write(_ number: Float, _ part: ModelPart, in folder: ModelFolder) throws {
    try SafetensorsFile.write([(key: "weight", tensor: Tensor([number], shape: [1]))], to: folder.weightsFile(of: part))
  }

  private func number(_ part: ModelPart, in folder: ModelFolder) throws -> Float {
    try folder.checkpoint(of: part).stored("weight").tensor.values[0]
  }

  /// Each part is read from the file that it was written to, which has the published name.
  @Test func everyPartIsReadWhereItIsWritten() throws {
    let temporary = try TemporaryFolder()
    let folder = ModelFolder(temporary.path)
    #expect(!folder.isModelFolder)
    for part in ModelPart.models + [.adapter] {
      #expect(!folder.has(part))
      try folder.write(["name": .string(part.name)], of: part)
      try write(3, part, in: folder)
      #expect(try folder.has(part) && folder.configuration(of: part)["name"].string() == part.name)
      #expect(try number(part, in: folder) == 3)
    }
    for part in [ModelPart.scheduler, .featureExtractor, .index] {
      try folder.write(["name": .string(part.name)], of: part)
      #expect(try folder.has(part) && folder.configuration(of: part)["name"].string() == part.name)
    }
    for file in [
      "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "text_encoder_2/model.safetensors",
      "scheduler/scheduler_config.json", "feature_extractor/preprocessor_config.json", "model_index.json",
      "ms_adapter.safetensors", "ms_adapter_config.json",
    ] {
      #expect(FileManager.default.fileExists(atPath: temporary.file(file)), "\(file)")
    }
    let tokenizer = try folder.tokenizerToWrite(.secondTokenizer)
    #expect(try folder.tokenizer(.secondTokenizer) == tokenizer && folder.isModelFolder)
    #expect(tokenizer.merges == temporary.file("tokenizer_2/merges.txt"))
    #expect(throws: CheckpointError.self) { try folder.weightsFile(of: .scheduler) }
    #expect(throws: CheckpointError.self) { try folder.write([:], of: .tokenizer) }
  }

  @Test func aNewKindOfPartHasTheSameLayout() throws {
    let temporary = try TemporaryFolder()
    let folder = ModelFolder(temporary.path, variant: "fp16")
    let part = ModelPart(model: "controlnet")
    try folder.write(["name": "own"], of: part)
    try write(4, part, in: folder)
    #expect(
      FileManager.default.fileExists(atPath: temporary.file("controlnet/diffusion_pytorch_model.fp16.safetensors")))
    #expect(try number(part, in: ModelFolder(temporary.path)) == 4)
    #expect(folder.hasConfiguration(of: part))
  }

  @Test func variantsAreChosenAndTheAdapterHasNone() throws {
    let temporary = try TemporaryFolder()
    let (plain, half) = (ModelFolder(temporary.path), ModelFolder(temporary.path, variant: "fp16"))
    for (number, folder) in [(Float(1), plain), (2, half)] { try write(number, .vae, in: folder) }
    #expect(try number(.vae, in: plain) == 1)
    #expect(try number(.vae, in: half) == 2)
    try write(5, .adapter, in: half)
    #expect(try number(.adapter, in: plain) == 5)
  }

  @Test func anAdapterMayBeAPickle() throws {
    let temporary = try TemporaryFolder()
    let (golden, folder) = (ModelFolder(Golden.path("pipeline")), ModelFolder(temporary.path))
    #expect(golden.path(of: .adapter).hasSuffix("/ms_adapter.safetensors"))
    try FileManager.default.copyItem(
      atPath: URL(fileURLWithPath: Golden.path("pipeline/ms_adapter.bin")).resolvingSymlinksInPath().path,
      toPath: temporary.file("ms_adapter.bin"))
    #expect(folder.has(.adapter) && !folder.hasConfiguration(of: .adapter))
    #expect(try folder.checkpoint(of: .adapter).keys == golden.checkpoint(of: .adapter).keys)
    #expect(try !folder.optionalConfiguration(of: .adapter)["heads"].isPresent)
  }

  /// Errors name what was expected, where, and what belongs in a model folder.
  @Test func missingPartsAreNamed() throws {
    let temporary = try TemporaryFolder()
    let folder = ModelFolder(temporary.path)
    let cases: [(expected: String, read: () throws -> Void)] = [
      ("unet/", { _ = try folder.checkpoint(of: .unet) }),
      ("vae/config.json", { _ = try folder.configuration(of: .vae) }),
      ("scheduler/scheduler_config.json", { _ = try folder.configuration(of: .scheduler) }),
      ("tokenizer_2/", { _ = try folder.tokenizer(.secondTokenizer) }),
      ("ms_adapter.safetensors or ms_adapter.bin", { _ = try folder.checkpoint(of: .adapter) }),
    ]
    for (expected, read) in cases {
      #expect {
        try read()
      } throws: {
        "\($0)".hasPrefix("\(temporary.path): expected \(expected), found nothing; a model folder has unet/, vae/, ")
      }
    }
    #expect(try folder.imageProcessor() == nil && folder.neededParts() == ModelPart.required)
  }

  @Test func theIndexNamesTheSecondEncoder() throws {
    let temporary = try TemporaryFolder()
    let folder = ModelFolder(temporary.path)
    try folder.write(
      ["text_encoder_2": ["transformers", "CLIPTextModel"], "tokenizer_2": [.null, .null]], of: .index)
    #expect(try folder.neededParts() == ModelPart.required + [.secondTextEncoder])
  }

  @Test func theImageProcessorBesideTheEncoderComesFirst() throws {
    let temporary = try TemporaryFolder()
    let folder = ModelFolder(temporary.path)
    try folder.write(["size": 3], of: .featureExtractor)
    #expect(try folder.imageProcessor()?["size"].int() == 3)
    try folder.write(imageProcessor: ["size": 5])
    #expect(try folder.imageProcessor()?["size"].int() == 5)
  }

  @Test func copiesFillGapsAndLinksReplace() throws {
    let (a, b, c) = (try TemporaryFolder(), try TemporaryFolder(), try TemporaryFolder())
    let (source, copied, linked) = (ModelFolder(a.path), ModelFolder(b.file("model")), ModelFolder(c.path))
    for part in [ModelPart.unet, .vae, .adapter] { try write(1, part, in: source) }
    try write(2, .vae, in: copied)
    try write(2, .vae, in: linked)
    try copied.copy([.unet, .vae, .imageEncoder], from: source)
    #expect(try number(.unet, in: copied) == 1 && number(.vae, in: copied) == 2)
    #expect(!copied.has(.adapter) && !copied.has(.imageEncoder))

    try write(2, .unet, in: linked)
    try linked.link(to: source, except: [.unet, .adapter])
    #expect(try number(.unet, in: linked) == 2 && number(.vae, in: linked) == 1)
    #expect(!linked.has(.adapter))
    // A linked part is copied as files, not as a link.
    let whole = ModelFolder(b.file("whole"))
    try whole.copy([.vae], from: linked)
    try write(7, .vae, in: source)
    #expect(try number(.vae, in: linked) == 7 && number(.vae, in: whole) == 1)
    // Linking a folder to itself changes nothing.
    try linked.link(to: linked, except: [])
    #expect(try number(.vae, in: linked) == 7)
    #expect(throws: CheckpointError.self) { try linked.link(to: ModelFolder(b.file("none")), except: []) }
  }

  @Test func theConfigurationBesideAWeightsFileIsFound() throws {
    let temporary = try TemporaryFolder()
    let folder = ModelFolder(temporary.path)
    try write(1, .vae, in: folder)
    let file = try folder.weightsFile(of: .vae)
    #expect(ModelFolder.configuration(beside: file) == nil)
    try folder.write([:], of: .vae)
    #expect(ModelFolder.configuration(beside: file) == temporary.file("vae/config.json"))
    #expect(ModelFolder.configuration(beside: temporary.file("vae")) == temporary.file("vae/config.json"))
    #expect(ModelFolder.folder(of: "weights.bin").path == ".")
  }
}
