import Foundation
import Images
import TestSupport
import Testing

/// Masks in the forms in which people save them.
@Suite struct MaskTests {
  /// 4 × 3 pixels; the two in the middle row and column 1, 2 are the subject.
  private static let subject = [5, 6]

  private func image(_ background: (UInt8, UInt8, UInt8), _ colors: [Int: (UInt8, UInt8, UInt8)]) -> PixelImage {
    var image = PixelImage(width: 4, height: 3, red: background.0, green: background.1, blue: background.2)
    for (pixel, color) in colors {
      image.pixels.replaceSubrange(3 * pixel..<3 * pixel + 3, with: [color.0, color.1, color.2])
    }
    return image
  }

  private func selected(_ image: PixelImage, index: Int? = nil) throws -> [Int] {
    let found = try DecodedImage(image).mask(index: index).selection
    return found.indices.filter { found[$0] }
  }

  @Test(arguments: [1, 2, 64, 127, 128, 254, 255] as [UInt8])
  func oneGreyOnBlackIsTheSubjectHoweverDark(value: UInt8) throws {
    let color = (value, value, value)
    #expect(try selected(image((0, 0, 0), [5: color, 6: color])) == Self.subject)
    #expect(try DecodedImage(image((0, 0, 0), [5: color, 6: color])).mask().pixels.max() == 255)
  }

  @Test(arguments: [(255, 0, 0), (0, 0, 128), (64, 0, 0), (1, 90, 1), (255, 255, 0)] as [(UInt8, UInt8, UInt8)])
  func oneColourOnBlackIsTheSubject(red: UInt8, green: UInt8, blue: UInt8) throws {
    let color = (red, green, blue)
    #expect(try selected(image((0, 0, 0), [5: color, 6: color])) == Self.subject)
    // With a soft edge that is a darker shade of it.
    let edge = (red / 4, green / 4, blue / 4)
    #expect(try selected(image((0, 0, 0), [5: color, 6: color, 1: edge, 2: edge])) == Self.subject)
  }

  @Test func brightGreysAreUsedAsTheyAre() throws {
    let mask = image((0, 0, 0), [5: (255, 255, 255), 6: (200, 200, 200), 1: (100, 100, 100)])
    #expect(try DecodedImage(mask).mask() == mask)
    // Greys of many levels that are all dark are stretched.
    var dim = PixelImage(width: 50, height: 1)
    for pixel in 0..<50 { for channel in 0..<3 { dim.pixels[3 * pixel + channel] = UInt8(2 * pixel) } }
    #expect(try DecodedImage(dim).mask().selection.count { $0 } == 25)
  }

  @Test func severalLabelsNeedAnIndex() throws {
    let labels = image((0, 0, 0), [5: (2, 2, 2), 6: (2, 2, 2), 0: (1, 1, 1), 11: (3, 3, 3)])
    #expect(throws: MaskError.self) { try selected(labels) }
    #expect(try selected(labels, index: 2) == Self.subject)
    #expect(try selected(labels, index: 3) == [11])
    let error = #expect(throws: MaskError.self) { try selected(labels, index: 7) }
    #expect(try #require(error).found == "one of indices 0, 1, 2, 3")
    // 255 for pixels that belong to no label.
    let void = image((0, 0, 0), [5: (1, 1, 1), 6: (1, 1, 1), 4: (255, 255, 255), 7: (255, 255, 255)])
    #expect(throws: MaskError.self) { try selected(void) }
    #expect(try selected(void, index: 1) == Self.subject)
    // Colours of several subjects, and a photograph.
    let colors = image((0, 0, 0), [5: (255, 0, 0), 6: (255, 0, 0), 11: (0, 255, 0)])
    #expect(throws: MaskError.self) { try selected(colors) }
    #expect(throws: MaskError.self) { try selected(colors, index: 1) }
    let photo = try PixelImage(contentsOf: Golden.path("photos/cat.jpg"))
    #expect(throws: MaskError.self) { try selected(photo) }
  }

  /// Files written by Pillow: masks with palettes, of 1 and 16 bits, and with alpha channels or transparent colours.
  @Test(arguments: MaskFiles.all)
  func filesSelectTheSubject(file: MaskFiles.File) throws {
    let decoded = try DecodedImage(decoding: Array(try #require(Data(base64Encoded: file.base64))), name: file.name)
    let found = try decoded.mask(index: file.index).selection
    #expect(found.indices.filter { found[$0] } == Self.subject, "\(file.name)")
  }

  @Test func paletteMasksOfSeveralLabelsListTheirIndices() throws {
    let file = try #require(MaskFiles.all.first { $0.index == 15 })
    let decoded = try DecodedImage(decoding: Array(try #require(Data(base64Encoded: file.base64))), name: file.name)
    let error = #expect(throws: MaskError.self) { try decoded.mask() }
    #expect(try #require(error).found.hasSuffix("with the indices 0, 7, 15, 255 of its palette"))
  }

  @Test func masksOfTheSameProportionsAreFitted() throws {
    let mask = try DecodedImage(image((0, 0, 0), [5: (1, 1, 1), 6: (1, 1, 1)])).mask()
    let large = try #require(mask.fitted(width: 40, height: 30))
    #expect(large.selection[15 * 40 + 20] && !large.selection[0])
    #expect(mask.fitted(width: 41, height: 30) != nil && mask.fitted(width: 4, height: 3) == mask)
    #expect(mask.fitted(width: 30, height: 40) == nil && mask.fitted(width: 30, height: 30) == nil)
  }
}
