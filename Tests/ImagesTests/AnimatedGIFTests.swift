import Images
import TestSupport
import Testing

@Suite struct AnimatedGIFTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The contents of a GIF file's blocks (GIF89a specification), and each frame drawn over those before it.
  private struct Animation {
    struct Frame {
      let delay, x, y, width, height: Int
      let hasOwnPalette: Bool
    }
    private(set) var frames: [Frame] = []
    private(set) var images: [PixelImage] = []
    private(set) var repeats = false

    init(_ bytes: [UInt8]) throws {
      func number(_ offset: Int) -> Int { Int(bytes[offset]) | Int(bytes[offset + 1]) << 8 }
      #expect(bytes.starts(with: Array("GIF89a".utf8)) && bytes.last == UInt8(ascii: ";"))
      let colorsEnd = 13 + (3 << (Int(bytes[10] & 7) + 1))
      #expect(bytes[10] & 0x80 != 0)
      var (position, delay) = (colorsEnd, 0)
      while bytes[position] != UInt8(ascii: ";") {
        let start = position
        if bytes[position] == UInt8(ascii: "!") {
          if bytes[position + 1] == 0xf9 { delay = number(position + 4) }
          if bytes[position + 1] == 0xff { repeats = number(position + 16) == 0 }
          position += 2
        } else {
          position += 11
        }
        while bytes[position] != 0 { position += 1 + Int(bytes[position]) }
        position += 1
        guard bytes[start] == UInt8(ascii: ",") else { continue }
        let frame = Frame(
          delay: delay, x: number(start + 1), y: number(start + 3), width: number(start + 5), height: number(start + 7),
          hasOwnPalette: bytes[start + 9] & 0x80 != 0)
        frames.append(frame)
        // The frame as a separate file, moved to the corner.
        let sides = Array(bytes[start + 5..<start + 9])
        let alone = [
          Array(bytes[..<6]), sides, Array(bytes[10..<colorsEnd]), [0x2c, 0, 0, 0, 0], sides,
          Array(bytes[start + 9..<position]), [0x3b],
        ].flatMap { $0 }
        var shown = images.last ?? PixelImage(width: number(6), height: number(8))
        let part = try PixelImage(decoding: alone, name: "frame")
        for y in 0..<part.height {
          let offset = 3 * ((frame.y + y) * shown.width + frame.x)
          shown.pixels.replaceSubrange(
            offset..<offset + 3 * part.width, with: part.pixels[3 * y * part.width..<3 * (y + 1) * part.width])
        }
        images.append(shown)
      }
    }
  }

  private func written(_ frames: [PixelImage], _ delays: [Int], dithered: Bool = false) throws -> Animation {
    try AnimatedGIF.write(frames, delays: delays, to: folder.file("a.gif"), dithered: dithered)
    return try Animation(bytes(of: folder.file("a.gif")))
  }

  @Test func fewColoursAreKeptExactly() throws {
    var frames = (0..<4).map { _ in PixelImage(width: 13, height: 6, red: 250, green: 250, blue: 245) }
    for (x, y) in [(4, 2), (9, 4)] { frames[1].pixels[3 * (y * 13 + x)] = 7 }
    frames[2] = frames[1]
    let found = try written(frames, [10, 20])
    #expect(found.images == frames)
    #expect(found.repeats)
    #expect(found.frames.map(\.delay) == [10, 20, 20, 20])
    #expect(found.frames.allSatisfy { !$0.hasOwnPalette })
    // A frame holds only what changed: everything, a rectangle around two pixels, nothing (one pixel), the rectangle.
    #expect(
      found.frames.map { [$0.x, $0.y, $0.width, $0.height] } == [
        [0, 0, 13, 6], [4, 2, 6, 3], [0, 0, 1, 1], [4, 2, 6, 3],
      ])
    #expect(folder.contents == ["a.gif"])
  }

  @Test func photographsNearlyKeepTheirColours() throws {
    let photo = try PixelImage(contentsOf: Golden.path("photos/cat.jpg")).resized(width: 120, height: 117)
    let other = try PixelImage(contentsOf: Golden.path("photos/cup.jpg")).resized(width: 120, height: 117)
    func meanError(_ found: PixelImage, _ wanted: PixelImage) -> Double {
      let sum = zip(found.pixels, wanted.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      return Double(sum) / Double(wanted.pixels.count)
    }
    let plain = try written([photo, other], [5])
    let dithered = try written([photo, other], [5], dithered: true)
    for (index, wanted) in [photo, other].enumerated() {
      #expect(meanError(plain.images[index], wanted) < 4)
      // Averaged over neighbouring pixels, dithered colours are nearer to the original.
      let far = wanted.resized(width: 15, height: 13, filter: .box)
      let (a, b) = (plain.images[index], dithered.images[index])
      #expect(
        meanError(b.resized(width: 15, height: 13, filter: .box), far)
          < meanError(a.resized(width: 15, height: 13, filter: .box), far))
    }
  }

  @Test func aBackgroundKeepsItsColourBesideAPhotograph() throws {
    let photo = try PixelImage(contentsOf: Golden.path("photos/cat.jpg")).resized(width: 120, height: 80)
    var page = PixelImage(width: 120, height: 200, red: 255, green: 255, blue: 255)
    page.pixels.replaceSubrange(0..<photo.pixels.count, with: photo.pixels)
    let found = try written([page], [5]).images[0]
    #expect(found.pixels[photo.pixels.count...] == page.pixels[photo.pixels.count...])
  }

  @Test func anImageOfOnePixelIsKept() throws {
    let dot = PixelImage(width: 1, height: 1, red: 9, green: 8, blue: 7)
    #expect(try written([dot], [0]).images == [dot])
  }

  @Test func invalidAnimationsAreRefused() throws {
    let frame = PixelImage(width: 8, height: 6, red: 80)
    for (frames, delays) in [
      ([], [1]), ([frame], []), ([frame, PixelImage(width: 6, height: 8)], [1]), ([frame], [-1]), ([frame], [65536]),
    ] as [([PixelImage], [Int])] {
      #expect(throws: ImageError.self) { try AnimatedGIF.write(frames, delays: delays, to: folder.file("b.gif")) }
    }
    #expect(throws: ImageError.self) { try AnimatedGIF.write([frame], delays: [1], to: folder.file("no/b.gif")) }
    #expect(folder.contents == [])
  }
}
