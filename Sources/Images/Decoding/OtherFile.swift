/// A kind of file that is often passed by mistake where an image is expected.
package struct OtherFile: Sendable, Equatable {
  /// What the file is, with its article.
  package let description: String
  /// What to do about it.
  package let remedy: String

  private init(_ description: String, _ remedy: String) { (self.description, self.remedy) = (description, remedy) }

  /// The kind of a file, recognised by its first bytes; nil if it is not one of the kinds below.
  package init?(_ bytes: [UInt8]) {
    guard let found = Self.text(bytes) ?? Self.media(bytes) ?? Self.container(bytes) else { return nil }
    self = found
  }

  private static let saveAgain = "save it as PNG or JPEG"

  /// Whether the file is a picture, in a format that is not read.
  package var isPicture: Bool { remedy == Self.saveAgain }

  private static func text(_ bytes: [UInt8]) -> OtherFile? {
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    let start = String(
      decoding: (bytes.starts(with: mark) ? bytes.dropFirst(3) : bytes[...]).prefix(1024), as: UTF8.self
    )
    .drop(while: \.isWhitespace).lowercased()
    if start.hasPrefix("version https://git-lfs") {
      return OtherFile(
        "a Git LFS pointer, which only stands for the file", "fetch the file itself with 'git lfs pull'")
    }
    if start.hasPrefix("<svg") || (start.hasPrefix("<?xml") && start.contains("<svg")) {
      return OtherFile("an SVG drawing", saveAgain)
    }
    if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") || start.contains("<html") && start.hasPrefix("<")
    {
      return OtherFile(
        "an HTML page", "download the image itself, for example by the page's link to the raw file")
    }
    if start.hasPrefix("<?xml") {
      return OtherFile("an XML file, perhaps a server's error message", "download the image itself")
    }
    let isJSON = (start.hasPrefix("{") || start.hasPrefix("[")) && start.contains("\"")
    if isJSON { return OtherFile("a JSON file, perhaps a server's error message", "download the image itself") }
    return nil
  }

  private static func media(_ bytes: [UInt8]) -> OtherFile? {
    func begins(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: Array(text.utf8)) }
    if begins("ftyp", at: 4) {
      let brand = String(decoding: bytes.dropFirst(8).prefix(4), as: UTF8.self)
      switch brand {
      case "avif", "avis": return OtherFile("an AVIF image", saveAgain)
      case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
        return OtherFile("an HEIC image, as phones save it", saveAgain)
      default: return OtherFile("a video or another MP4 file", "save one of its pictures as PNG or JPEG")
      }
    }
    if begins("II*\0") || begins("MM\0*") || begins("II+\0") || begins("MM\0+") {
      return OtherFile("a TIFF or camera raw image", saveAgain)
    }
    let box: [UInt8] = [0, 0, 0, 12]
    if bytes.starts(with: [0xff, 0x0a]) || (bytes.starts(with: box) && begins("JXL ", at: 4)) {
      return OtherFile("a JPEG XL image", saveAgain)
    }
    if bytes.starts(with: [0xff, 0x4f, 0xff, 0x51]) || (bytes.starts(with: box) && begins("jP  ", at: 4)) {
      return OtherFile("a JPEG 2000 image", saveAgain)
    }
    if bytes.starts(with: [0, 0, 1, 0]) || bytes.starts(with: [0, 0, 2, 0]) { return OtherFile("an icon", saveAgain) }
    if begins("8BPS") { return OtherFile("a Photoshop document", saveAgain) }
    if begins("gimp xcf") { return OtherFile("a GIMP document", saveAgain) }
    if bytes.starts(with: [0x76, 0x2f, 0x31, 0x01]) { return OtherFile("an OpenEXR image", saveAgain) }
    if begins("qoif") { return OtherFile("a QOI image", saveAgain) }
    if begins("RIFF"), begins("AVI ", at: 8) {
      return OtherFile("a video", "save one of its pictures as PNG or JPEG")
    }
    if bytes.starts(with: [0x1a, 0x45, 0xdf, 0xa3]) {
      return OtherFile("a video", "save one of its pictures as PNG or JPEG")
    }
    if bytes.count > 2, bytes[0] == UInt8(ascii: "P"), (UInt8(ascii: "1")...UInt8(ascii: "7")).contains(bytes[1]),
      [9, 10, 13, 32].contains(bytes[2])
    {
      return OtherFile("an image of the PNM family", saveAgain)
    }
    if begins("%PDF") { return OtherFile("a PDF document", "save its picture as PNG or JPEG") }
    return nil
  }

  private static func container(_ bytes: [UInt8]) -> OtherFile? {
    func begins(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: Array(text.utf8)) }
    if begins("PK\u{3}\u{4}") || begins("PK\u{5}\u{6}") {
      return OtherFile("a zip archive", "unpack it first and give the image inside")
    }
    let archives: [[UInt8]] = [
      [0x1f, 0x8b], Array("BZh".utf8), [0xfd, 0x37, 0x7a, 0x58, 0x5a], [0x28, 0xb5, 0x2f, 0xfd],
      Array("7z".utf8) + [0xbc, 0xaf],
      Array("Rar!".utf8),
    ]
    if archives.contains(where: { bytes.starts(with: $0) }) || begins("ustar", at: 257) {
      return OtherFile("a compressed file or an archive", "unpack it first and give the image inside")
    }
    if bytes.starts(with: [0x93]), begins("NUMPY", at: 1) { return OtherFile("a NumPy array", saveAgain) }
    if !bytes.isEmpty, bytes.prefix(4096).allSatisfy({ $0 == 0 }) {
      return OtherFile("a file of zeros, as an interrupted download leaves it", "download the image again")
    }
    return nil
  }
}
