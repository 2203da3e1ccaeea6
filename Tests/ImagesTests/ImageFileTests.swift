import Foundation
import Images
import Tensors
import TestSupport
import Testing

@Suite struct ImageFileTests {
  private let folder: TemporaryFolder
  private let image = PixelImage(width: 5, height: 3, pixels: (0..<45).map { UInt8($0 * 5) })

  init() throws { folder = try TemporaryFolder() }

  @Test func pngIsLossless() throws {
    try image.write(folder.file("a.png"))
    #expect(try PixelImage(contentsOf: folder.file("a.png")) == image)
    #expect(folder.contents == ["a.png"])
  }

  @Test func jpegIsNearlyLossless() throws {
    let grey = PixelImage(width: 16, height: 8, red: 100, green: 150, blue: 200)
    try grey.write(folder.file("a.jpg"))
    let found = try PixelImage(contentsOf: folder.file("a.jpg"))
    #expect((found.width, found.height) == (16, 8))
    #expect(zip(found.pixels, grey.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
  }

  @Test func numbersAreRoundedHalfToEven() {
    let half: Float = 0.5 / 255
    let tensor = Tensor([0, half, 3 * half, 1, 2, -1, .infinity, 0.5, 1, 0, 0, 0], shape: [3, 2, 2])
    let pixels = PixelImage(tensor)
    #expect(pixels[0, 0] == (0, 255, 255))
    #expect(pixels[1, 0] == (0, 0, 0))
    #expect(pixels[0, 1] == (2, 255, 0))
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

  @Test func unreadableFilesAreNamed() throws {
    for (path, words) in [
      (folder.file("none.png"), "No such file"), (folder.path, "a folder or device"),
      ("/dev/zero", "a folder or device"),
    ] {
      let error = #expect(throws: ImageError.self) { try PixelImage(contentsOf: path) }
      let message = "\(try #require(error))"
      #expect(message.hasPrefix(path) && message.contains(words), "\(message)")
    }
  }

  @Test func failedWritesLeaveNothing() throws {
    let error = #expect(throws: ImageError.self) { try image.write(folder.file("no/such/a.png")) }
    #expect("\(try #require(error))".contains("No such file"))
    #expect(throws: ImageError.self) { try image.write(folder.file("a.tiff")) }
    // A folder of that name cannot be replaced by a file.
    try FileManager.default.createDirectory(atPath: folder.file("a.png"), withIntermediateDirectories: false)
    #expect(throws: ImageError.self) { try image.write(folder.file("a.png")) }
    #expect(throws: ImageError.self) { try image.write("/proc/a.png") }
    #expect(folder.contents == ["a.png"])
  }

  @Test func writingReplacesAFileAndQualityCounts() throws {
    var numbers = TestNumbers(4)
    let noise = PixelImage(width: 40, height: 24, pixels: (0..<2880).map { _ in UInt8(numbers.next() * 255) })
    try noise.write(folder.file("a.jpg"), quality: 95)
    let fine = try bytes(of: folder.file("a.jpg"))
    try noise.write(folder.file("a.jpg"), quality: 20)
    let coarse = try bytes(of: folder.file("a.jpg"))
    #expect(coarse.count < fine.count / 2)
    #expect(coarse == noise.jpegBytes(quality: 20))
    func error(_ bytes: [UInt8]) throws -> Int {
      zip(try PixelImage(decoding: bytes, name: "x").pixels, noise.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    }
    #expect(try error(fine) < error(coarse))
    #expect(folder.contents == ["a.jpg"])
  }
}
