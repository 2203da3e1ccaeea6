import Deflate

/// A PNG file of any colour type. Only the chunks for header, palette, transparency, pixels and end are decoded here;
/// others do not change colours.
struct PNGFile {
  private let header: ImageHeader
  private let name: String
  private let chunks: PNGChunks
  private let bytes: [UInt8]
  private let depth, colorType: Int
  private let isInterlaced: Bool

  /// Numbers per pixel, by colour type.
  private static let channels = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4]
  /// Bits per number that a colour type may have.
  private static let depths = [0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]]

  /// - Throws: ``ImageError`` if the file is damaged or cut off.
  init(_ bytes: [UInt8], _ header: ImageHeader, _ name: String) throws {
    chunks = PNGChunks(bytes)
    (self.header, self.name, self.bytes) = (header, name, bytes)
    guard let depth = bytes.big(24, 1), let colorType = bytes.big(25, 1), bytes.big(26, 2) == 0,
      let interlacing = bytes.big(28, 1), interlacing < 2, Self.depths[colorType]?.contains(depth) == true
    else { throw header.damaged(name, "a header that no PNG file has") }
    (self.depth, self.colorType, isInterlaced) = (depth, colorType, interlacing == 1)
    guard chunks.first("IEND") != nil else { throw header.damaged(name, "no end; it is cut off") }
    guard chunks.areIntact(["IHDR", "PLTE", "IDAT", "IEND"]) else {
      throw header.damaged(name, "damage (a check sum is wrong)")
    }
  }

  private var bitsPerPixel: Int { depth * (Self.channels[colorType] ?? 1) }

  /// The passes in which pixels are stored: each has its first column and row, and the distances between its columns
  /// and between its rows (PNG specification, 8.2).
  private var passes: [(x: Int, y: Int, columns: Int, rows: Int)] {
    guard isInterlaced else { return [(0, 0, 1, 1)] }
    return [
      (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ]
  }

  /// - Throws: ``ImageError`` if pixels are missing or damaged.
  func decoded() throws -> DecodedImage {
    let (width, height, channels) = (header.width, header.height, Self.channels[colorType] ?? 1)
    let sizes = passes.map { pass in
      (width: (width - pass.x + pass.columns - 1) / pass.columns, height: (height - pass.y + pass.rows - 1) / pass.rows)
    }
    let lengths = sizes.map { $0.width > 0 && $0.height > 0 ? $0.height * (1 + ($0.width * bitsPerPixel + 7) / 8) : 0 }
    let packed = chunks.joined("IDAT")
    guard var data = packed.withUnsafeBytes({ inflated($0, .zlib, count: lengths.reduce(0, +), mayGoOn: true) }) else {
      throw header.damaged(name, "missing or damaged pixels")
    }
    // All numbers of all pixels, in the order of the image.
    var values = [UInt16](repeating: 0, count: width * height * channels)
    var start = 0
    for (pass, (size, length)) in zip(passes, zip(sizes, lengths)) where length > 0 {
      guard Self.unfilter(&data, start, rows: size.height, rowLength: length / size.height, max(1, bitsPerPixel / 8))
      else { throw header.damaged(name, "a row with an unknown filter") }
      data.withUnsafeBufferPointer { data in
        values.withUnsafeMutableBufferPointer { values in
          for row in 0..<size.height {
            let rowStart = start + row * (length / size.height) + 1
            for column in 0..<size.width {
              let target = ((pass.y + row * pass.rows) * width + pass.x + column * pass.columns) * channels
              for channel in 0..<channels {
                values[target + channel] = value(data, rowStart, column * channels + channel)
              }
            }
          }
        }
      }
      start += length
    }
    return try image(values)
  }

  private func value(_ data: UnsafeBufferPointer<UInt8>, _ rowStart: Int, _ index: Int) -> UInt16 {
    switch depth {
    case 16: return UInt16(data[rowStart + 2 * index]) << 8 | UInt16(data[rowStart + 2 * index + 1])
    case 8: return UInt16(data[rowStart + index])
    default:
      let perByte = 8 / depth
      let shift = 8 - depth * (index % perByte + 1)
      return UInt16(data[rowStart + index / perByte] >> UInt8(shift)) & (1 << UInt16(depth) - 1)
    }
  }

  /// Undoes the prediction of each byte from those to the left and above (PNG specification, 9.2); false for a filter
  /// that does not exist.
  private static func unfilter(_ data: inout [UInt8], _ start: Int, rows: Int, rowLength: Int, _ step: Int) -> Bool {
    data.withUnsafeMutableBufferPointer { data in
      for row in 0..<rows {
        let first = start + row * rowLength + 1
        let filter = data[first - 1]
        guard filter <= 4 else { return false }
        if filter == 0 { continue }
        let end = first + rowLength - 1
        switch filter {
        case 1: for place in first + min(step, rowLength - 1)..<end { data[place] &+= data[place - step] }
        case 2: if row > 0 { for place in first..<end { data[place] &+= data[place - rowLength] } }
        default:
          for place in first..<end {
            let left = place - step >= first ? Int(data[place - step]) : 0
            let above = row > 0 ? Int(data[place - rowLength]) : 0
            guard filter == 4 else {
              data[place] &+= UInt8(truncatingIfNeeded: (left + above) / 2)
              continue
            }
            let corner = row > 0 && place - step >= first ? Int(data[place - step - rowLength]) : 0
            let (a, b, c) = (abs(above - corner), abs(left - corner), abs(left + above - 2 * corner))
            data[place] &+= UInt8(truncatingIfNeeded: a <= b && a <= c ? left : b <= c ? above : corner)
          }
        }
      }
      return true
    }
  }

  // MARK: Colours

  private func image(_ values: [UInt16]) throws -> DecodedImage {
    let (count, channels) = (header.width * header.height, Self.channels[colorType] ?? 1)
    let transparency = chunks.first("tRNS").map { Array(bytes[$0]) }
    if colorType == 3 {
      guard let palette = chunks.first("PLTE").map({ Array(bytes[$0]) }) else {
        throw header.damaged(name, "no palette")
      }
      let indices = values.map { UInt8($0) }
      let entries = palette + [UInt8](repeating: 0, count: max(0, 768 - palette.count))
      let pixels = indices.flatMap { entries[3 * Int($0)..<3 * Int($0) + 3] }
      let alpha = transparency.map { table -> [UInt8] in
        indices.map { Int($0) < table.count ? table[Int($0)] : 255 }
      }
      return DecodedImage(image: picture(pixels), alpha: alpha, indices: indices)
    }
    func byte(_ value: UInt16) -> UInt8 {
      if depth >= 8 { return UInt8(depth == 16 ? value >> 8 : value) }
      return UInt8(Int(value) * 255 / (1 << depth - 1))
    }
    let colors = channels < 3 ? 1 : 3
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * count) { pixels, filled in
      for pixel in 0..<count {
        for channel in 0..<3 { pixels[3 * pixel + channel] = byte(values[pixel * channels + channel % colors]) }
      }
      filled = 3 * count
    }
    var alpha: [UInt8]?
    if channels > colors {
      alpha = (0..<count).map { byte(values[$0 * channels + colors]) }
    } else if let transparency {
      let key = (0..<colors).compactMap { transparency.big(2 * $0, 2).map { UInt16($0) } }
      if key.count == colors {
        alpha = (0..<count).map { pixel -> UInt8 in
          let color = values[pixel * colors..<(pixel + 1) * colors]
          return color.elementsEqual(key) ? 0 : 255
        }
      }
    }
    // If the upper 8 bits are all 0, the values are labels of a mask.
    let hasLabels = depth == 16 && channels == 1 && values.allSatisfy { $0 < 256 }
    return DecodedImage(image: picture(pixels), alpha: alpha, indices: hasLabels ? values.map { UInt8($0) } : nil)
  }

  private func picture(_ pixels: [UInt8]) -> PixelImage {
    PixelImage(width: header.width, height: header.height, pixels: pixels)
  }
}
