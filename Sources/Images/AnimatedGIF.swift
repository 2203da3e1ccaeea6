import CGD

/// Animated GIF files.
public enum AnimatedGIF {
  /// Writes frames of one size that repeat for ever, each with its own 256 colours; whole or not at all.
  ///
  /// - Parameters:
  ///   - frames: One image a frame.
  ///   - delays: Hundredths of a second that each frame stays; the last one for those that follow.
  /// - Throws: ``ImageError``.
  public static func write(_ frames: [PixelImage], delays: [Int], to path: String) throws {
    guard let first = frames.first, !delays.isEmpty else {
      throw ImageError.sizesDiffer(what: path, expected: "at least one frame and one delay", found: "none")
    }
    if let other = frames.first(where: { ($0.width, $0.height) != (first.width, first.height) }) {
      throw ImageError.sizesDiffer(
        what: "frames of \(path)", expected: "\(first.width)×\(first.height)", found: "\(other.width)×\(other.height)")
    }
    let drawings = frames.map { frame in
      let drawing = frame.gdImage()
      gdImageTrueColorToPalette(drawing, 0, 256)
      return drawing
    }
    defer {
      for drawing in drawings { gdImageDestroy(drawing) }
    }
    var bytes = gdBytes { gdImageGifAnimBeginPtr(drawings[0], $0, 0, 0) }
    for (index, drawing) in drawings.enumerated() {
      let delay = Int32(delays[min(index, delays.count - 1)])
      bytes += gdBytes { gdImageGifAnimAddPtr(drawing, $0, 1, 0, 0, delay, Int32(gdDisposalNone), nil) }
    }
    bytes += gdBytes { gdImageGifAnimEndPtr($0) }
    try writeWhole(bytes, to: path)
  }
}
