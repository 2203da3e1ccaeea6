import CGD
import Tensors

/// Writes animated GIF files.
public enum AnimatedGIF {
  /// Writes frames of the same size, which repeat forever. The file is written whole or not at all. All frames share
  /// one palette of at most 256 colours, so that unchanged areas do not flicker, and each frame stores only the
  /// rectangle that changed.
  ///
  /// - Parameters:
  ///   - frames: One image per frame.
  ///   - delays: How long each frame is shown, in hundredths of a second, 0…65535. If there are fewer delays than
  ///     frames, the last delay holds for all further frames.
  ///   - dithered: Whether missing colours are mixed from dots; better for photographs, worse for figures.
  /// - Throws: ``ImageError`` if there are no frames or no delays, sizes differ, a number is out of range or the file
  ///   cannot be written.
  public static func write(
    _ frames: [PixelImage], delays: [Int], to path: String, dithered: Bool = false
  ) throws {
    guard let first = frames.first, let lastDelay = delays.last else {
      throw ImageError.sizesDiffer(
        what: path, expected: "at least one frame and one delay",
        found: "\(frames.count) frames and \(delays.count) delays")
    }
    if let other = frames.first(where: { ($0.width, $0.height) != (first.width, first.height) }) {
      throw ImageError.sizesDiffer(
        what: "frames of \(path)", expected: "\(first.width)×\(first.height) pixels like the first frame",
        found: "\(other.width)×\(other.height)")
    }
    guard max(first.width, first.height) <= 65535, delays.allSatisfy((0...65535).contains) else {
      throw ImageError.sizesDiffer(
        what: "sides and delays of \(path)",
        expected: "sides of at most 65535 pixels and delays of 0 to 65535 hundredths of a second",
        found: "\(first.width)×\(first.height), delays \(delays)")
    }
    var palette = Palette(of: frames)
    let bytes = GDMessages.collected {
      var writer = FrameWriter(width: first.width, height: first.height, colors: palette.colors)
      for (index, frame) in frames.enumerated() {
        let delay = index < delays.count ? delays[index] : lastDelay
        writer.append(palette.indices(of: frame, dithered: dithered), delay: delay)
      }
      return writer.finished()
    }.result
    try writeWhole(bytes, to: path)
  }
}

/// Encodes the frames of a file one after another.
private struct FrameWriter {
  let width: Int
  let height: Int
  let colors: [Int]
  private var bytes: [UInt8] = []
  private var previousIndices: [UInt8] = []

  init(width: Int, height: Int, colors: [Int]) { (self.width, self.height, self.colors) = (width, height, colors) }

  /// Appends a frame, given as one palette index per pixel. Only the smallest rectangle around all changes is written.
  mutating func append(_ indices: [UInt8], delay: Int) {
    let part = changed(indices)
    let drawing = drawing(indices, part)
    defer { gdImageDestroy(drawing) }
    if previousIndices.isEmpty { bytes += gdBytes { gdImageGifAnimBeginPtr(drawing, $0, 1, 0) } }
    bytes += gdBytes {
      gdImageGifAnimAddPtr(
        drawing, $0, 0, Int32(part.x.lowerBound), Int32(part.y.lowerBound), Int32(delay), Int32(gdDisposalNone), nil)
    }
    previousIndices = indices
  }

  func finished() -> [UInt8] { previousIndices.isEmpty ? [] : bytes + gdBytes { gdImageGifAnimEndPtr($0) } }

  private func changed(_ indices: [UInt8]) -> (x: Range<Int>, y: Range<Int>) {
    if previousIndices.isEmpty { return (0..<width, 0..<height) }
    var (left, right, top, bottom) = (width, 0, height, 0)
    for y in 0..<height {
      for x in 0..<width where indices[y * width + x] != previousIndices[y * width + x] {
        (left, right, top, bottom) = (min(left, x), max(right, x + 1), min(top, y), y + 1)
      }
    }
    return left < right ? (left..<right, top..<bottom) : (0..<1, 0..<1)
  }

  private func drawing(_ indices: [UInt8], _ part: (x: Range<Int>, y: Range<Int>)) -> gdImagePtr {
    guard let drawing = gdImageCreate(Int32(part.x.count), Int32(part.y.count)) else {
      fail("AnimatedGIF: no memory for a frame of \(part.x.count)×\(part.y.count)")
    }
    for color in colors {
      gdImageColorAllocate(drawing, Int32(color >> 16), Int32(color >> 8 & 255), Int32(color & 255))
    }
    for (row, y) in part.y.enumerated() {
      guard let target = drawing.pointee.pixels[row] else { continue }
      for (column, x) in part.x.enumerated() { target[column] = indices[y * width + x] }
    }
    return drawing
  }
}
