import Foundation
import Images
import Testing

/// Byte for byte against Pillow (`resized.json` was made with it).
@Suite struct ResizingTests {
  private struct Case: Decodable {
    let filter: String
    let width, height: Int
    let pixels: [UInt8]
  }

  private struct File: Decodable {
    let width, height: Int
    let pixels: [UInt8]
    let cases: [Case]
  }

  @Test func everyFilterUpAndDown() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("resized.json")
    let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: path))
    let image = PixelImage(width: file.width, height: file.height, pixels: file.pixels)
    #expect(file.cases.count == 20)
    for item in file.cases {
      let filter = try #require(ResizeFilter(rawValue: item.filter))
      let found = image.resized(width: item.width, height: item.height, filter: filter)
      #expect(found.pixels == item.pixels, "\(item.filter) to \(item.width)×\(item.height)")
    }
  }

  @Test func theSameSizeIsTheSameImage() {
    let image = PixelImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6])
    #expect(image.resized(width: 2, height: 1) == image)
  }
}
