import Images

/// Figures of the same size that are shown one after another.
public struct Animation: Sendable {
  public var frames: [any Figure]
  /// Seconds that each frame is shown; the last frame is shown three times as long.
  public var delay: Double

  public init(_ frames: [any Figure], delay: Double = 0.4) { (self.frames, self.delay) = (frames, delay) }

  /// Writes an animated GIF, whole or not at all.
  /// - Throws: ``PlotError`` if a frame cannot be drawn; `ImageError` if there are no frames, their sizes differ or the
  ///   file cannot be written.
  public func write(_ path: String) throws {
    let images = try frames.map { try $0.image() }
    let hundredths = Int((delay * 100).rounded())
    let delays = images.indices.map { $0 == images.count - 1 ? 3 * hundredths : hundredths }
    try AnimatedGIF.write(images, delays: delays, to: path)
  }
}
