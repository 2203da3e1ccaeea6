import Foundation
import Images
import TestSupport
import Testing

/// Damaged, truncated and absurd files are refused with a clear error, in bounded memory, without a crash.
@Suite struct HostileImageTests {
  private let image = PixelImage(width: 5, height: 3, pixels: (0..<45).map { UInt8($0 * 5) })

  @Test func filesThatAreNoImagesAreRefused() throws {
    for (bytes, found) in [
      ([], "an empty file"), ([1, 2, 250], "bytes 1 2 fa"), (Array("GIF89a".utf8), "none"),
      (Array("BM".utf8), "none"), ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], "none"),
      ([0xff, 0xd8, 0xff, 0xe0], "none"), (Array("RIFF....WEBPnone".utf8), "none"),
    ] as [([UInt8], String)] {
      let error = #expect(throws: ImageError.self) { try PixelImage(decoding: bytes, name: "odd.png") }
      let message = "\(try #require(error))"
      #expect(message.hasPrefix("odd.png: expected a") && message.contains("found \(found)"), "\(message)")
      #expect(message.contains("save it again"))
    }
  }

  /// For a file that is not an image, the error says what it is and what to do.
  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:1f\nsize 12345\n", "a Git LFS pointer", "git lfs pull"),
    ("\u{feff}version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
    ("<!DOCTYPE html>\n<html lang=\"en\">", "an HTML page", "download the image itself"),
    ("\n <html><head>", "an HTML page", "download the image itself"),
    ("<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", "an SVG drawing", "save it as PNG"),
    ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML file", "download the image"),
    ("{\"error\": \"Entry not found\"}", "a JSON file", "download the image"),
    ("PK\u{3}\u{4}\u{14}", "a zip archive", "unpack it first"), ("%PDF-1.7", "a PDF document", "save its picture"),
    ("\0\0\0\u{1c}ftypavif\0\0\0\0", "an AVIF image", "save it as PNG"),
    ("\0\0\0\u{18}ftypheic\0\0\0\0", "an HEIC image", "save it as PNG"),
    ("\0\0\0\u{18}ftypisom\0\0\0\0", "a video", "save one of its pictures"),
    ("II*\0\u{8}\0\0\0", "a TIFF", "save it as PNG"), ("MM\0*\0\0\0\u{8}", "a TIFF", "save it as PNG"),
    ("8BPS\0\u{1}", "a Photoshop document", "save it as PNG"),
    ("P6\n3 2\n255\n", "an image of the PNM family", "save it as PNG"),
    ("\0\0\0\0\0\0\0\0\0\0", "a file of zeros", "download the image again"),
    ("\0\0\u{1}\0\u{1}\0", "an icon", "save it as PNG"),
  ])
  func otherFilesAreNamed(text: String, kind: String, remedy: String) throws {
    let error = #expect(throws: ImageError.self) { try PixelImage(decoding: Array(text.utf8), name: "odd.png") }
    let message = "\(try #require(error))"
    #expect(message.hasPrefix("odd.png: expected a PNG") && message.contains("found \(kind)"), "\(message)")
    #expect(message.contains(remedy) && !message.contains("\n"), "\(message)")
  }

  @Test func gzipAndArraysAreNamedByTheirFirstBytes() throws {
    for (bytes, kind) in [
      ([0x1f, 0x8b, 8, 0], "an archive"), ([0x93] + Array("NUMPY".utf8), "a NumPy array"),
      ([0xff, 0x0a, 0, 0], "a JPEG XL image"),
      ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 4] + Array("CgBI".utf8), "Apple's build tools"),
      ([0x1a, 0x45, 0xdf, 0xa3], "a video"),
    ] as [([UInt8], String)] {
      let error = #expect(throws: ImageError.self) { try PixelImage(decoding: bytes, name: "odd.png") }
      #expect("\(try #require(error))".contains(kind))
    }
  }

  @Test func animatedWebPIsRefusedInOneSentence() throws {
    func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
      Array(name.utf8) + [UInt8(content.count), 0, 0, 0] + content
    }
    let body =
      chunk("VP8X", [2, 0, 0, 0, 4, 0, 0, 2, 0, 0]) + chunk("ANIM", [0, 0, 0, 0, 0, 0])
      + chunk("ANMF", [UInt8](repeating: 0, count: 24)) + chunk("ANMF", [UInt8](repeating: 0, count: 24))
    let file = Array("RIFF".utf8) + [UInt8(body.count + 4), 0, 0, 0] + Array("WEBP".utf8) + body
    let error = #expect(throws: ImageError.self) { try PixelImage(decoding: file, name: "a.webp") }
    #expect("\(try #require(error))".contains("an animated WebP file of 2 pictures; save one of its pictures"))
  }

  @Test func hugeSizesAreRefusedBeforeDecoding() throws {
    var bytes = image.pngBytes()
    bytes.replaceSubrange(16..<24, with: [0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0])
    #expect(throws: ImageError.tooLarge(name: "x", width: 100_000, height: 100_000, limit: 100_000_000)) {
      try PixelImage(decoding: bytes, name: "x")
    }
    // 20000 × 20000: each side is allowed, both together are not.
    bytes.replaceSubrange(16..<24, with: [0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20])
    #expect(throws: ImageError.tooLarge(name: "x", width: 20000, height: 20000, limit: 100_000_000)) {
      try PixelImage(decoding: bytes, name: "x")
    }
    // 0 × 20000: no image.
    bytes.replaceSubrange(16..<20, with: [0, 0, 0, 0])
    #expect(throws: ImageError.self) { try PixelImage(decoding: bytes, name: "x") }
    let gif: [UInt8] = Array("GIF89a".utf8) + [0xff, 0xff, 0xff, 0xff, 0, 0, 0]
    #expect(throws: ImageError.tooLarge(name: "x", width: 65535, height: 65535, limit: 100_000_000)) {
      try PixelImage(decoding: gif, name: "x")
    }
  }

  @Test(arguments: try Fixtures.decoded())
  func truncatedFilesAreRefused(file: Fixtures.DecodedFile) {
    let whole = [UInt8](file.file)
    // A GIF may end after its first frame. In the file with two frames, that is after about half of the bytes.
    let counts = file.name.contains("two frames") ? [] : [whole.count / 2, whole.count - 16]
    for count in [0, 1, 2, 10, whole.count / 4] + counts {
      #expect(throws: ImageError.self, "\(count) of \(whole.count) bytes") {
        try PixelImage(decoding: Array(whole[..<count]), name: "x")
      }
    }
  }

  @Test func truncatedPhotographsAreRefused() throws {
    for name in ["cat.jpg", "astronaut.png"] {
      let whole = try bytes(of: Golden.path("photos/" + name))
      for count in [whole.count / 3, whole.count - 1000, whole.count - 1] {
        #expect(throws: ImageError.self) { try PixelImage(decoding: Array(whole[..<count]), name: "x") }
      }
    }
  }

  @Test func unusualJPEGsAreRefusedByName() throws {
    let jpeg = image.jpegBytes()
    let frame = try #require(jpeg.indices.first { jpeg[$0...].starts(with: [0xff, 0xc0]) })
    for (position, value, words) in [
      (frame + 1, 0xc3, "lossless"), (frame + 4, 12, "12 bits"), (frame + 9, 2, "2 channels"),
      (frame + 11, 0x51, "sampled 5×1"),
    ] as [(Int, UInt8, String)] {
      var odd = jpeg
      odd[position] = value
      let error = #expect(throws: ImageError.self) { try PixelImage(decoding: odd, name: "x") }
      #expect("\(try #require(error))".contains(words))
    }
    // A thousand passes over the image would take very long.
    let scans = [UInt8](repeating: 0, count: 2000).enumerated().map { $0.offset % 2 == 0 ? UInt8(0xff) : 0xda }
    let error = #expect(throws: ImageError.self) {
      try PixelImage(decoding: Array(jpeg.dropLast(2) + scans + jpeg.suffix(2)), name: "x")
    }
    #expect("\(try #require(error))".contains("scans"))
  }

  /// Decodes twenty thousand damaged files (a thousand in a debug build). An accepted image has all of its pixels.
  @Test func damagedFilesNeverCrash() throws {
    var numbers = TestNumbers(5)
    func below(_ count: Int) -> Int { min(Int(numbers.next() * Float(count)), count - 1) }
    let whole = try Fixtures.decoded().map { [UInt8]($0.file) }
    let turns = isThorough ? 20_000 : 1_000
    var (refused, accepted) = (0, 0)
    for turn in 0..<turns {
      var bytes = whole[turn % whole.count]
      switch below(4) {
      case 0: bytes.removeLast(below(bytes.count))
      case 1: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
      case 2: bytes.insert(contentsOf: bytes.prefix(below(40)), at: below(bytes.count))
      default:
        for _ in 0...below(6) { bytes[below(bytes.count)] = [0, 1, 0x7f, 0x80, 0xff, UInt8(below(256))][below(6)] }
      }
      // Headers that ask for hundreds of megabytes are legal, but slow by the thousand.
      guard !asksForMuch(bytes) else { continue }
      do {
        let image = try PixelImage(decoding: bytes, name: "x")
        #expect(image.pixels.count == 3 * image.width * image.height)
        accepted += 1
      } catch {
        #expect(error is ImageError)
        refused += 1
      }
    }
    #expect(refused > turns / 4 && accepted > turns / 20, "\(refused) refused, \(accepted) accepted")
  }

  private var isThorough: Bool {
    #if DEBUG
      print("skipped in a debug build: 19000 of 20000 damaged images")
      return false
    #else
      return true
    #endif
  }

  /// Whether a header, read as any of the formats that begin with its first byte, asks for more than 200,000 pixels.
  private func asksForMuch(_ bytes: [UInt8]) -> Bool {
    func big(_ offset: Int) -> Int { offset + 1 < bytes.count ? Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) : 0 }
    func little(_ offset: Int) -> Int {
      offset + 1 < bytes.count ? Int(bytes[offset + 1]) << 8 | Int(bytes[offset]) : 0
    }
    let sizes: [(Int, Int)]
    switch bytes.first {
    case 0x89: sizes = [(big(18), big(22))]
    case 0xff:
      sizes = bytes.indices.filter {
        bytes[$0] == 0xff && (0xc0...0xc2).contains($0 + 1 < bytes.count ? bytes[$0 + 1] : 0)
      }
      .map { (big($0 + 5), big($0 + 7)) }
    case UInt8(ascii: "B"):
      sizes = [(little(18), little(22)), (little(18), 65536 - little(22)), (little(18), little(20))]
    case UInt8(ascii: "G"): sizes = [(little(6), little(8))]
    default: sizes = [(little(24), little(27)), (little(26), little(28)), (little(21) & 0x3fff, little(23) >> 2)]
    }
    return sizes.contains { $0.0 * $0.1 > 200_000 }
  }
}
