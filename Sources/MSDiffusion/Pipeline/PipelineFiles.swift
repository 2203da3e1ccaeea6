import Checkpoints
import Foundation
import JSON
import Models

/// Finds the parts of a pipeline's folder.
struct PipelineFiles {
  let folder: String
  let variant: String?

  func path(_ relative: String) -> String { folder + "/" + relative }
  func has(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: path(relative)) }

  func existing(_ relative: String) throws -> String {
    guard has(relative) else {
      throw PipelineError.missingPart(
        folder: folder, part: relative,
        needed: "a pipeline has unet/, vae/, text_encoder/, tokenizer/, scheduler/, for SDXL text_encoder_2/ and "
          + "tokenizer_2/, and for subjects image_encoder/ and ms_adapter.safetensors or ms_adapter.bin")
    }
    return path(relative)
  }

  func configuration(_ part: String, named name: String = "config.json") throws -> JSONNode {
    try JSONNode.read(existing(part + "/" + name))
  }

  func source(_ part: String) throws -> CheckpointSource {
    CheckpointSource(try Checkpoint(existing(part), variant: variant))
  }

  /// `model_index.json`, or an empty object where there is none.
  func index() throws -> JSONNode {
    has("model_index.json")
      ? try JSONNode.read(path("model_index.json"))
      : try JSONNode(JSONValue.parse("{}", name: "model_index.json"), name: "model_index.json")
  }

  func imageProcessor() throws -> CLIPImageProcessor {
    for relative in ["image_encoder/preprocessor_config.json", "feature_extractor/preprocessor_config.json"]
    where has(relative) {
      return try CLIPImageProcessor(JSONNode.read(path(relative)))
    }
    return CLIPImageProcessor(side: try configuration("image_encoder")["image_size"].int(or: 224))
  }

  func adapterSource() throws -> CheckpointSource? {
    for name in ["ms_adapter.safetensors", "ms_adapter.bin"] where has(name) {
      return CheckpointSource(try Checkpoint(path(name)))
    }
    return nil
  }

  /// What `ms_adapter_config.json` says beside the adapter's weights: an empty object where there is none.
  func adapterConfiguration() throws -> JSONNode {
    has("ms_adapter_config.json")
      ? try JSONNode.read(path("ms_adapter_config.json"))
      : try JSONNode(JSONValue.parse("{}", name: "ms_adapter_config.json"), name: "ms_adapter_config.json")
  }
}
