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
