import Images
import TestSupport
import Testing

/// Resized images equal Pillow's byte for byte.
@Suite struct ResizingTests {
  @Test(arguments: ResizeFilter.allCases)
  func everySizeMatchesPillow(filter: ResizeFilter) throws {
    let fixtures = try Fixtures.resized()
    let cases = fixtures.cases.filter { $0.filter == filter.rawValue }
    #expect(cases.count == 21)
    for item in cases {
      let source = try #require(fixtures.sources[item.source]).image
      let found = source.resized(width: item.width, height: item.height, filter: filter)
      #expect((found.width, found.height) == (item.width, item.height))
      #expect(found.pixels == [UInt8](item.pixels), "\(item.source) to \(item.width)×\(item.height)")
    }
  }

  @Test(arguments: ResizeFilter.allCases)
  func oneColourStaysTheSame(filter: ResizeFilter) {
    let image = PixelImage(width: 19, height: 7, red: 3, green: 255, blue: 128)
    for (width, height) in [(4, 23), (57, 2), (1, 1)] {
      let expected = PixelImage(width: width, height: height, red: 3, green: 255, blue: 128)
      #expect(image.resized(width: width, height: height, filter: filter) == expected)
    }
  }

  @Test func resizingToTheSameSizeChangesNothing() {
    let image = PixelImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6])
    #expect(image.resized(width: 2, height: 1) == image)
  }
}
