/// Small files that PyTorch 2.15 and safetensors have written, with types, keys and values of every kind:
/// `Tests/SavedFiles`.
package enum SavedFiles {
  package static func path(_ name: String) -> String {
    Golden.folder.deletingLastPathComponent().appendingPathComponent("SavedFiles/" + name).path
  }
}
