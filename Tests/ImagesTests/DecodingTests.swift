import Images
import TestSupport
import Testing

/// Compares the pixels of every kind of file with Pillow's. Of the photographs only the sizes are checked.
@Suite struct DecodingTests {
  @Test(arguments: try Fixtures.decoded())
  func pixelsAgreeWithPillow(file: Fixtures.DecodedFile) throws {
    let found = try PixelImage(decoding: [UInt8](file.file), name: file.name)
    #expect((found.width, found.height) == (file.width, file.height))
    let worst = zip(found.pixels, file.image.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
    #expect(worst <= file.tolerance, "differs by \(worst)")
    let decoded = try DecodedImage(decoding: [UInt8](file.file), name: file.name)
    if let alpha = file.alpha {
      let worst = zip(try #require(decoded.alpha), alpha).map { abs(Int($0) - Int($1)) }.max() ?? 0
      #expect(worst <= 1, "alpha differs by \(worst)")
    }
    if let indices = file.indices { #expect(decoded.indices == [UInt8](indices)) }
  }

  /// The published pipelines ignore the tag; a file is read that way on request.
  @Test func orientationCanBeIgnored() throws {
    let files = try Fixtures.decoded().filter { $0.name.hasPrefix("png turned") }
    let stored = try files.map { try PixelImage(decoding: [UInt8]($0.file), name: $0.name, orientation: .stored) }
    #expect(files.count == 7 && stored.allSatisfy { $0 == stored[0] && $0.width == 11 && $0.height == 7 })
  }

  @Test func alphaChannelsAreReadFromEveryFormatThatHasThem() throws {
    let files = try Fixtures.decoded()
    func alpha(_ name: String) throws -> [UInt8]? {
      let file = try #require(files.first { $0.name == name })
      return try DecodedImage(decoding: [UInt8](file.file), name: name).alpha
    }
    for name in [
      "png rgb and alpha", "png grey and alpha", "png palette with a transparent entry", "png palette with alpha",
      "png rgb with a transparent colour", "png grey with a transparent shade", "gif with a transparent entry",
      "webp lossless with alpha",
    ] { #expect(try alpha(name)?.contains { $0 < 128 } == true, "\(name)") }
    for name in ["png rgb", "png palette", "gif", "webp lossless", "bmp 24 bits", "bmp 32 bits", "jpeg cmyk"] {
      #expect(try alpha(name) == nil, "\(name)")
    }
  }

  @Test func photographsHaveTheirSizes() throws {
    for (name, width, height) in [
      ("cat.jpg", 480, 480), ("rocket.jpg", 480, 320), ("cup.jpg", 512, 512), ("astronaut.png", 320, 320),
    ] {
      let photo = try PixelImage(contentsOf: Golden.path("photos/" + name))
      #expect((photo.width, photo.height) == (width, height), "\(name)")
    }
  }
}
