import Foundation
import Images
import Tensors
import TestSupport
import Testing

@Suite struct ImageFileTests {
  private let folder: TemporaryFolder
  private let image = PixelImage(width: 5, height: 3, pixels: (0..<45).map { UInt8($0 * 5) })

  init() throws { folder = try TemporaryFolder() }

  @Test func pngComesBackTheSame() throws {
    try image.write(folder.file("a.png"))
    #expect(try PixelImage(contentsOf: folder.file("a.png")) == image)
    #expect(folder.contents == ["a.png"])
  }

  @Test func jpegComesBackNearly() throws {
    let grey = PixelImage(width: 16, height: 8, red: 100, green: 150, blue: 200)
    try grey.write(folder.file("a.jpg"))
    let found = try PixelImage(contentsOf: folder.file("a.jpg"))
    #expect((found.width, found.height) == (16, 8))
    #expect(zip(found.pixels, grey.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
  }

  @Test func photographsHaveTheirSizes() throws {
    for (name, width, height) in [
      ("cat.jpg", 480, 480), ("rocket.jpg", 480, 320), ("cup.jpg", 512, 512), ("astronaut.png", 320, 320),
    ] {
      let photo = try PixelImage(contentsOf: Golden.path("photos/" + name))
      #expect((photo.width, photo.height) == (width, height), "\(name)")
    }
  }

  @Test func numbersAreRoundedHalfToEven() {
    let half: Float = 0.5 / 255
    let tensor = Tensor([0, half, 3 * half, 1, 2, -1, .nan, 0.5, 1, 0, 0, 0], shape: [3, 2, 2])
    let pixels = PixelImage(tensor)
    #expect(pixels[0, 0] == (0, 255, 255))
    #expect(pixels[1, 0] == (0, 0, 0))
    #expect(pixels[0, 1].red == 2)
    #expect(pixels[1, 1] == (255, 128, 0))
    #expect(PixelImage(pixels.tensor()) == pixels)
  }

  @Test func croppingAndMasking() {
    #expect(image.cropped(x: 1, y: 2, width: 2, height: 1).pixels == Array(image.pixels[33..<39]))
    #expect(image.centerCropped(width: 3, height: 1).pixels == Array(image.pixels[18..<27]))
    let padded = image.centerCropped(width: 7, height: 3)
    #expect(padded[0, 0] == (0, 0, 0))
    #expect(padded[1, 0] == image[0, 0])
    var mask = PixelImage(width: 5, height: 3, red: 255, green: 255, blue: 255)
    mask.pixels[3] = 0
    mask.pixels[4] = 0
    let masked = image.masked(by: mask)
    #expect(masked[1, 0] == (0, 0, 0))
    #expect(masked[2, 0] == image[2, 0])
  }

  @Test func whatIsNoImageIsRefused() throws {
    for bytes in [[], [1, 2, 3], Array("GIF89a".utf8), Array("\u{89}PNG".utf8), [0xff, 0xd8, 0xff, 0xe0]] as [[UInt8]] {
      #expect(throws: ImageError.self) { try PixelImage(decoding: bytes, name: "x") }
    }
    #expect(throws: ImageError.self) { try PixelImage(contentsOf: folder.file("none.png")) }
    #expect(throws: ImageError.self) { try image.write(folder.file("a.tiff")) }
    #expect(throws: ImageError.self) { try image.write(folder.file("no/such/a.png")) }
  }

  @Test func hugeSizesAreRefusedBeforeDecoding() {
    var bytes = image.pngBytes()
    bytes.replaceSubrange(16..<24, with: [0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0])
    #expect(throws: ImageError.tooLarge(name: "x", width: 100_000, height: 100_000, limit: 100_000_000)) {
      try PixelImage(decoding: bytes, name: "x")
    }
  }

  @Test(arguments: ["cat.jpg", "astronaut.png"])
  func damagedFilesNeverCrash(name: String) throws {
    let whole = try bytes(of: Golden.path("photos/" + name))
    var numbers = TestNumbers(5)
    var refused = 0
    for turn in 0..<40 {
      var damaged = Array(whole[..<(turn % 2 == 0 ? whole.count : Int(numbers.next() * Float(whole.count)))])
      if !damaged.isEmpty {
        for _ in 0..<5 { damaged[Int(numbers.next() * Float(damaged.count - 1))] = UInt8(numbers.next() * 255) }
      }
      do { _ = try PixelImage(decoding: damaged, name: "x") } catch {
        #expect(error is ImageError)
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  @Test func animationsHaveAllTheirFrames() throws {
    let frames = (0..<3).map { PixelImage(width: 8, height: 6, red: UInt8(80 * $0)) }
    try AnimatedGIF.write(frames, delays: [10, 20], to: folder.file("a.gif"))
    let bytes = try bytes(of: folder.file("a.gif"))
    #expect(bytes.starts(with: Array("GIF89a".utf8)))
    #expect(bytes.indices.count { bytes[$0...].starts(with: [0x21, 0xf9, 4]) } == 3)
    #expect(try PixelImage(contentsOf: folder.file("a.gif"))[0, 0].red < 8)
    #expect(throws: ImageError.self) { try AnimatedGIF.write([], delays: [1], to: folder.file("b.gif")) }
    #expect(throws: ImageError.self) {
      try AnimatedGIF.write([frames[0], PixelImage(width: 1, height: 1)], delays: [1], to: folder.file("b.gif"))
    }
  }
}
