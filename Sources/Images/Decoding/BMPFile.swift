/// A BMP file of any version, decoded as Pillow does it: 1, 4, 8, 16, 24 or 32 bits per pixel, with a palette, run
/// lengths or bit fields.
struct BMPFile {
  private let bytes: [UInt8]
  private let header: ImageHeader
  private let name: String
  private let bits, compression, dataStart: Int
  private let isTopDown: Bool
  /// Red, green, blue and alpha as bit fields of a pixel; the alpha field may be 0.
  private let fields: [Int]
  /// Red, green and blue of 256 entries; entries that the file does not have are black. Empty without a palette.
  private let palette: [UInt8]

  /// - Throws: ``ImageError`` if the header is damaged or describes a kind of BMP file that is not supported.
  init(_ bytes: [UInt8], _ header: ImageHeader, _ name: String) throws {
    let isOld = bytes.little(14, 4) == 12
    guard let size = bytes.little(14, 4), let dataStart = bytes.little(10, 4),
      let bits = bytes.little(isOld ? 24 : 28, 2), let compression = isOld ? 0 : bytes.little(30, 4)
    else { throw header.damaged(name, "a header that is cut off") }
    let isRunLength = (compression == 1 && bits == 8) || (compression == 2 && bits == 4)
    let hasFields = [3, 6].contains(compression) && [16, 32].contains(bits)
    guard [1, 4, 8, 16, 24, 32].contains(bits), compression == 0 || isRunLength || hasFields else {
      throw ImageError.broken(
        name: name,
        expected: "a BMP image of 1, 4, 8, 16, 24 or 32 bits per pixel, uncompressed, in run lengths or in bit fields",
        found: "\(bits) bits per pixel with compression \(compression)")
    }
    if hasFields {
      fields = (0..<4).map { $0 < 3 || size >= 56 || compression == 6 ? bytes.little(54 + 4 * $0, 4) ?? 0 : 0 }
      guard fields[..<3].allSatisfy({ $0 > 0 }) else { throw header.damaged(name, "bit fields without a bit") }
    } else {
      fields = bits == 16 ? [0x7c00, 0x3e0, 0x1f, 0] : []
    }
    if bits <= 8 {
      let entry = isOld ? 3 : 4
      let start = 14 + size
      let used = isOld ? 0 : bytes.little(46, 4) ?? 0
      let count = min(used > 0 ? used : 1 << bits, 256)
      palette = (0..<256).flatMap { index -> [UInt8] in
        let place = start + entry * index
        guard index < count, place + 3 <= bytes.count else { return [0, 0, 0] }
        return [bytes[place + 2], bytes[place + 1], bytes[place]]
      }
    } else {
      palette = []
    }
    (self.bytes, self.header, self.name, self.bits) = (bytes, header, name, bits)
    (self.compression, self.dataStart) = (compression, dataStart)
    isTopDown = !isOld && (bytes.little(22, 4) ?? 0) >= 1 << 31
  }

  /// - Throws: ``ImageError`` if pixels are missing.
  func decoded() throws -> DecodedImage {
    let (width, height) = (header.width, header.height)
    if !palette.isEmpty {
      let stored = try compression == 0 ? packedIndices() : runLengths()
      let indices = upright(stored, width)
      let pixels = indices.flatMap { palette[3 * Int($0)..<3 * Int($0) + 3] }
      return DecodedImage(image: PixelImage(width: width, height: height, pixels: pixels), indices: indices)
    }
    let (pixels, alpha) = try colors()
    return DecodedImage(
      image: PixelImage(width: width, height: height, pixels: upright(pixels, 3 * width)),
      alpha: alpha.map { upright($0, width) })
  }

  /// Rows from top to bottom.
  private func upright(_ stored: [UInt8], _ rowLength: Int) -> [UInt8] {
    if isTopDown { return stored }
    return (0..<header.height).reversed().flatMap { stored[$0 * rowLength..<($0 + 1) * rowLength] }
  }

  /// The bytes of each row, without the padding to a multiple of four bytes.
  private func rows() throws -> [ArraySlice<UInt8>] {
    let used = (header.width * bits + 7) / 8
    let stride = (used + 3) / 4 * 4
    // The last row may lack its padding.
    guard dataStart >= 14, dataStart + stride * (header.height - 1) + used <= bytes.count else {
      throw header.damaged(name, "an end within the pixels; it is cut off")
    }
    return (0..<header.height).map { bytes[dataStart + stride * $0..<dataStart + stride * $0 + used] }
  }

  private func packedIndices() throws -> [UInt8] {
    let perByte = 8 / bits
    return try rows().flatMap { row in
      (0..<header.width).map { x in
        let shift = 8 - bits * (x % perByte + 1)
        return row[row.startIndex + x / perByte] >> UInt8(shift) & UInt8(1 << bits - 1)
      }
    }
  }

  private func colors() throws -> (pixels: [UInt8], alpha: [UInt8]?) {
    let size = bits / 8
    var (pixels, alpha) = ([UInt8](), [UInt8]())
    pixels.reserveCapacity(3 * header.width * header.height)
    for row in try rows() {
      for start in stride(from: row.startIndex, to: row.endIndex, by: size) {
        guard !fields.isEmpty else {
          pixels += [row[start + 2], row[start + 1], row[start]]
          continue
        }
        let value = (0..<size).reversed().reduce(0) { $0 << 8 | Int(row[start + $1]) }
        pixels += fields[..<3].map { Self.channel(value, $0) }
        if fields[3] > 0 { alpha.append(Self.channel(value, fields[3])) }
      }
    }
    return (pixels, alpha.isEmpty ? nil : alpha)
  }

  /// The value in a bit field of a pixel, scaled to 0…255.
  private static func channel(_ value: Int, _ field: Int) -> UInt8 {
    let shift = field.trailingZeroBitCount
    return UInt8(clamping: ((value & field) >> shift) * 255 / (field >> shift))
  }

  /// Palette indices of a run-length encoded image. A run is a count and an index (with 4 bits per pixel: two indices
  /// that alternate); a count of 0 precedes an escape code.
  private func runLengths() throws -> [UInt8] {
    let (width, height) = (header.width, header.height)
    var result = [UInt8](repeating: 0, count: width * height)
    var (x, y, position) = (0, 0, dataStart)
    func index(_ byte: Int, _ place: Int) -> UInt8 {
      UInt8(bits == 8 ? byte : place % 2 == 0 ? byte >> 4 : byte & 15)
    }
    func put(_ index: UInt8) {
      if x < width, y < height { result[y * width + x] = index }
      x += 1
    }
    while y < height {
      guard let count = bytes.big(position, 1), let code = bytes.big(position + 1, 1) else {
        throw header.damaged(name, "an end within the pixels; it is cut off")
      }
      position += 2
      switch (count, code) {
      case (0, 0): (x, y) = (0, y + 1)
      case (0, 1): return result
      case (0, 2):
        guard let right = bytes.big(position, 1), let down = bytes.big(position + 1, 1) else {
          throw header.damaged(name, "an end within the pixels; it is cut off")
        }
        (x, y, position) = (x + right, y + down, position + 2)
      case (0, _):
        let size = bits == 8 ? code : (code + 1) / 2
        guard position + size <= bytes.count else {
          throw header.damaged(name, "an end within the pixels; it is cut off")
        }
        for place in 0..<code { put(index(Int(bytes[position + (bits == 8 ? place : place / 2)]), place)) }
        position += size + size % 2
      default: for place in 0..<count { put(index(code, place)) }
      }
    }
    return result
  }
}
