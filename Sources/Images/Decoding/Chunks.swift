/// The chunks of a PNG file (PNG specification, 5.3).
struct PNGChunks {
  private let bytes: [UInt8]
  /// Name and content of each whole chunk.
  private let chunks: [(name: [UInt8], content: Range<Int>)]

  init(_ bytes: [UInt8]) {
    var (chunks, position) = ([(name: [UInt8], content: Range<Int>)](), 8)
    while let length = bytes.big(position, 4), position + 12 + length <= bytes.count {
      chunks.append((Array(bytes[position + 4..<position + 8]), position + 8..<position + 8 + length))
      position += 12 + length
    }
    (self.bytes, self.chunks) = (bytes, chunks)
  }

  func first(_ name: String) -> Range<Int>? { chunks.first { $0.name == Array(name.utf8) }?.content }

  /// The contents of all chunks with a name, joined.
  func joined(_ name: String) -> [UInt8] {
    var result: [UInt8] = []
    for chunk in chunks where chunk.name == Array(name.utf8) { result += bytes[chunk.content] }
    return result
  }

  /// Whether the check sums of all chunks with these names are right.
  func areIntact(_ names: [String]) -> Bool {
    let names = names.map { Array($0.utf8) }
    return chunks.filter { names.contains($0.name) }.allSatisfy { chunk in
      let sum = bytes[chunk.content.lowerBound - 4..<chunk.content.upperBound].reduce(0xffff_ffff as UInt32) {
        Self.table[Int(($0 ^ UInt32($1)) & 255)] ^ $0 >> 8
      }
      return bytes.big(chunk.content.upperBound, 4) == Int(~sum)
    }
  }

  /// CRC-32 of each byte (PNG specification, annex D).
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? 0xedb8_8320 ^ sum >> 1 : sum >> 1 }
  }
}

/// The chunks of a WebP file (RFC 9649, 2.3).
struct WebPChunks {
  private let chunks: [(name: [UInt8], content: Range<Int>)]

  init(_ bytes: [UInt8]) {
    var (chunks, position) = ([(name: [UInt8], content: Range<Int>)](), 12)
    while let length = bytes.little(position + 4, 4), position + 8 + length <= bytes.count {
      chunks.append((Array(bytes[position..<position + 4]), position + 8..<position + 8 + length))
      position += 8 + length + length % 2
    }
    self.chunks = chunks
  }

  func first(_ name: String) -> Range<Int>? { chunks.first { $0.name == Array(name.utf8) }?.content }

  func count(_ name: String) -> Int { chunks.count { $0.name == Array(name.utf8) } }
}

/// The first image of a GIF file (GIF89a specification, 20 and 23).
struct GIFFrame {
  let left, top, width, height: Int
  /// The palette index of transparent pixels; nil if there is none.
  let transparent: Int?
  private let screen: (width: Int, height: Int)

  /// The canvas: the screen, enlarged if the image reaches beyond it, as in Pillow.
  var canvas: (width: Int, height: Int) { (max(screen.width, left + width), max(screen.height, top + height)) }

  /// nil if the file ends before its first image does.
  init?(_ bytes: [UInt8]) {
    func paletteSize(_ flags: UInt8) -> Int { flags & 0x80 == 0 ? 0 : 3 << (Int(flags & 7) + 1) }
    /// The position after the blocks that begin at `start`; nil if the file ends before they do.
    func endOfBlocks(_ start: Int) -> Int? {
      var position = start
      while position < bytes.count {
        if bytes[position] == 0 { return position + 1 }
        position += 1 + Int(bytes[position])
      }
      return nil
    }
    guard bytes.count > 13, let screenWidth = bytes.little(6, 2), let screenHeight = bytes.little(8, 2) else {
      return nil
    }
    var (position, transparent) = (13 + paletteSize(bytes[10]), Int?.none)
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "!"):
        guard let end = endOfBlocks(position + 2) else { return nil }
        if bytes[position + 1] == 0xf9, let flags = bytes.big(position + 3, 1), let index = bytes.big(position + 6, 1) {
          transparent = flags & 1 == 1 ? index : nil
        }
        position = end
      case UInt8(ascii: ","):
        guard let left = bytes.little(position + 1, 2), let top = bytes.little(position + 3, 2),
          let width = bytes.little(position + 5, 2), let height = bytes.little(position + 7, 2),
          let flags = bytes.big(position + 9, 1), width > 0, height > 0,
          endOfBlocks(position + 11 + paletteSize(UInt8(flags))) != nil
        else { return nil }
        (self.left, self.top, self.width, self.height) = (left, top, width, height)
        (self.transparent, screen) = (transparent, (screenWidth, screenHeight))
        return
      case UInt8(ascii: ";"): return nil
      default: position += 1
      }
    }
    return nil
  }

  /// The file, with its screen enlarged so that the image fits in; libgd refuses an image that does not fit.
  func fittingScreen(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    for (start, side) in [(6, canvas.width), (8, canvas.height)] {
      let side = min(side, 65535)
      (result[start], result[start + 1]) = (UInt8(side & 255), UInt8(side >> 8))
    }
    return result
  }
}
