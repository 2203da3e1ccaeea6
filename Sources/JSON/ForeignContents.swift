/// Recognises, by its first bytes, a file that is not what its name promises. Downloads often leave such files: a
/// pointer instead of the file, a web page with an error message, or a file in another program's format.
package struct ForeignContents: CustomStringConvertible {
  /// What the file is, and what to do.
  package let description: String

  /// - Returns: nil if the bytes begin like none of the known formats. Zips, and text without a known beginning, are
  ///   not recognised, because checkpoints can be zips and configurations are text.
  package init?(of bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else {
      description = "an empty file; download it again"
      return
    }
    // The length of a safetensors header can look like any signature; a brace follows it.
    if bytes.count > 8, bytes[4..<8].allSatisfy({ $0 == 0 }), bytes[8] == UInt8(ascii: "{") { return nil }
    if let text = Self.text(bytes) {
      description = text
      return
    }
    guard let known = Self.signatures.first(where: { bytes.starts(with: $0.bytes) }) else {
      if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) {
        description = "a tar archive; unpack it, and open the unpacked files"
      } else if bytes.count >= 64, bytes.prefix(64).allSatisfy({ $0 == 0 }) {
        description = "a file that begins with zeros, as an interrupted download leaves it; download it again"
      } else {
        return nil
      }
      return
    }
    description = known.meaning
  }

  private static let signatures: [(bytes: [UInt8], meaning: String)] = [
    (Array("GGUF".utf8), "a GGUF file, weights for llama.cpp; get the same model as safetensors"),
    (Array("ggjt".utf8), "a GGML file, weights for llama.cpp; get the same model as safetensors"),
    (Array("tjgg".utf8), "a GGML file, weights for llama.cpp; get the same model as safetensors"),
    ([0x89] + Array("HDF\r\n".utf8), "an HDF5 file, weights for Keras; get the same model as safetensors"),
    ([0x93] + Array("NUMPY".utf8), "a NumPy array; save it under a key as safetensors"),
    ([0x1f, 0x8b], "a gzip archive; unpack it, and open the unpacked files"),
    (Array("BZh".utf8), "a bzip2 archive; unpack it, and open the unpacked files"),
    ([0xfd] + Array("7zXZ".utf8), "an xz archive; unpack it, and open the unpacked files"),
    ([0x28, 0xb5, 0x2f, 0xfd], "a Zstandard archive; unpack it, and open the unpacked files"),
    ([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7z archive; unpack it, and open the unpacked files"),
    (Array("Rar!".utf8), "a RAR archive; unpack it, and open the unpacked files"),
    ([0x89] + Array("PNG".utf8), "a PNG image; choose another file"),
    ([0xff, 0xd8, 0xff], "a JPEG image; choose another file"),
    (Array("%PDF".utf8), "a PDF document; choose another file"),
    ([0xff, 0xfe], "text in UTF-16; save it as UTF-8"),
    ([0xfe, 0xff], "text in UTF-16; save it as UTF-8"),
  ]

  /// What a text with a known beginning is, and what to do; nil for any other contents.
  private static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
    var start = String(decoding: bytes.prefix(1024), as: UTF8.self)
    if start.unicodeScalars.first == "\u{feff}" { start.unicodeScalars.removeFirst() }
    start = String(start.drop(while: \.isWhitespace))
    if start.hasPrefix("version https://git-lfs") || start.hasPrefix("version http://git-media") {
      let size = start.split(whereSeparator: \.isNewline).first { $0.hasPrefix("size ") }.map { $0.dropFirst(5) }
      return "a Git LFS pointer, which stands for a file of \(size.map { "\($0) bytes" } ?? "unknown size"); "
        + "run 'git lfs pull' in the repository, or download the file itself"
    }
    if start.hasPrefix("/annex/objects/") || start.hasPrefix("../.git/annex/") {
      return "a git-annex pointer; run 'git annex get' in the repository, or download the file itself"
    }
    let lower = start.prefix(64).lowercased()
    if lower.hasPrefix("<!doctype html") || lower.hasPrefix("<html") || lower.hasPrefix("<head") {
      return "a web page (HTML); download the file itself, from Hugging Face with 'resolve' instead of 'blob' in its "
        + "address, and log in if the model asks for it"
    }
    if lower.hasPrefix("<?xml") { return "an XML document, often a server's error message; download the file itself" }
    return nil
  }
}
