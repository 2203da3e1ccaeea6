import Checkpoints

/// Recognises by its keys whether a file is an adapter, and otherwise what it is.
package enum AdapterContents {
  /// The beginnings of an adapter's keys.
  static let expected = ["image_proj.", "ms_adapter."]

  /// Other kinds of files: parts of their keys, and what to say about them. The first match counts. A part with `*`
  /// before it may be anywhere in a key, any other part only at the beginning.
  private static let others: [(parts: [String], meaning: String)] = [
    (
      ["*image_proj_model.", "*adapter_modules."],
      "a checkpoint that training saved; convert it: rename 'image_proj_model.' to 'image_proj.' and "
        + "'adapter_modules.' to 'ms_adapter.', and leave out what begins with 'unet.'"
    ),
    (["model.diffusion_model."], "a whole model in one file; choose MS-Diffusion's adapter"),
    (["*lora_", "*.lora."], "a LoRA; choose MS-Diffusion's adapter"),
    (["ip_adapter."], "an IP-Adapter; choose MS-Diffusion's adapter"),
    (["*exp_avg", "param_groups."], "an optimiser's state; choose the weights that were saved with it"),
    (["*image_proj.", "*ms_adapter."], "an adapter whose keys all have a prefix; remove the prefix"),
    (["controlnet_cond_embedding."], "a ControlNet; choose MS-Diffusion's adapter"),
    (["*down_blocks.", "*up_blocks."], "a U-Net; choose MS-Diffusion's adapter"),
    (["vision_model."], "a CLIP vision encoder; choose MS-Diffusion's adapter"),
    (["text_model."], "a CLIP text encoder; choose MS-Diffusion's adapter"),
  ]

  /// Checks that a checkpoint's keys are an adapter's.
  /// - Throws: ``PipelineError/notAnAdapter(path:found:expected:)``.
  package static func check(_ keys: [String], path: String) throws {
    if expected.allSatisfy({ beginning in keys.contains { $0.hasPrefix(beginning) } }) { return }
    func has(_ part: String) -> Bool {
      part.hasPrefix("*")
        ? keys.contains { $0.contains(part.dropFirst()) } : keys.contains { $0.hasPrefix(part) }
    }
    let other = others.first { $0.parts.contains(where: has) }
    let names = keys.prefix(2).map { "'\($0)'" }.joined(separator: ", ")
    throw PipelineError.notAnAdapter(
      path: path,
      found: (other?.meaning ?? "a file without such keys")
        + (names.isEmpty ? " (it has no keys)" : " (its first keys are \(names))"),
      expected: "MS-Diffusion's adapter with keys '\(expected[0])…', '\(expected[1])…' and 'dummy_image_tokens'")
  }
}
