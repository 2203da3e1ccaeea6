import Analysis
import Foundation
import Images
import JSON
import MSDiffusion
import Tensors
import TestSupport
import Testing

/// Masks, alpha channels and crops of subjects are used as they were meant, or cause an error or a warning.
@Suite struct SubjectMaskTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A photograph with an alpha channel, 320 × 320.
  private static var cutOut: String { Golden.path("photos/astronaut.png") }

  private func grey(_ value: UInt8, width: Int = 480, height: Int = 480) -> PixelImage {
    PixelImage(width: width, height: height, red: value, green: value, blue: value)
  }

  /// A mask that is bright on the left quarter of the cat's photograph.
  private func left(_ value: UInt8, width: Int = 480, height: Int = 480) -> PixelImage {
    var mask = grey(0, width: width, height: height)
    for pixel in 0..<width * height where pixel % width < width / 4 {
      for channel in 0..<3 { mask.pixels[3 * pixel + channel] = value }
    }
    return mask
  }

  private func cat(_ mask: PixelImage?, crop: Box? = nil) throws -> Subject {
    Subject("cat", image: try Small.photo("cat.jpg"), box: .whole, mask: mask, crop: crop)
  }

  private func conditions(_ subject: Subject) throws -> Conditions {
    try Small.pipeline().conditions(for: Small.scene { $0.subjects = [subject] })
  }

  @Test func masksOfAnyTwoLevelsAndAnySizeOfTheSameShapeSelectTheSame() throws {
    let expected = try cat(left(255)).reference
    #expect(expected != (try Small.photo("cat.jpg")) && expected.pixels.contains { $0 > 0 })
    for mask in [left(1), left(100), left(255, width: 240, height: 240), left(1, width: 960, height: 960)] {
      #expect(try cat(mask).reference == expected)
      #expect(try conditions(cat(mask)).warnings.isEmpty)
    }
  }

  @Test func masksThatCannotBeMeantAreErrors() throws {
    for (mask, words) in [
      (grey(0), "one that selects no pixel"), (left(255, width: 480, height: 320), "480×320"),
      (try Small.photo("cat.jpg"), "colours"),
    ] {
      let error = #expect(throws: PipelineError.self) { try conditions(cat(mask)) }
      let message = "\(try #require(error))"
      #expect(message.hasPrefix("mask of subject 1, 'cat'") && message.contains(words), "\(message)")
      #expect(throws: PipelineError.self) {
        try Small.pipeline().generate(Small.scene { $0.subjects = [try cat(mask)] })
      }
      #expect(try cat(mask).reference == Small.photo("cat.jpg"))
    }
    // The mask is outside the crop.
    let error = #expect(throws: PipelineError.self) { try conditions(cat(left(255), crop: Box(0.5, 0, 1, 1))) }
    #expect("\(try #require(error))".contains("within the crop"))
  }

  @Test func aMaskOfEverythingIsAWarning() throws {
    for value in [1, 255] as [UInt8] {
      let found = try conditions(cat(grey(value)))
      #expect(found.warnings == ["the mask of subject 1, 'cat' selects the whole picture, so it has no effect"])
    }
    let black = Subject("cat", image: grey(0, width: 8, height: 8), box: .whole)
    #expect(try conditions(black).warnings == ["the reference of subject 1, 'cat' is entirely black"])
  }

  @Test func cropsWithoutAreaAreErrors() throws {
    for crop in [Box.none, Box(0.5, 0.2, 0.5, 0.8), Box(0, 0, .nan, 1), Box(0.6, 0, 0.2, 1)] {
      let subject = try cat(nil, crop: crop)
      #expect(throws: (any Error).self) { try conditions(subject) }
      #expect(subject.reference == subject.image)
    }
    let error = #expect(throws: PipelineError.self) { try conditions(cat(nil, crop: Box.none)) }
    #expect(
      "\(try #require(error))" == "crop of subject 1, 'cat' is all zeros, expected a part of the picture, or no crop")
  }

  @Test func anAlphaChannelIsThePicturesMask() throws {
    var subject = Subject("cat", picture: try Picture(contentsOf: Self.cutOut), box: .whole)
    let masked = subject.reference
    #expect(masked != subject.image && masked[0, 0] == (0, 0, 0))
    subject.picture.usesAlpha = false
    #expect(subject.reference == subject.image)
    // A mask of its own counts instead of it, and the alpha channel of another file is a mask.
    subject.picture.usesAlpha = true
    subject.mask = Picture(left(255, width: 320, height: 320))
    #expect(subject.reference == subject.image.masked(by: left(255, width: 320, height: 320)))
    subject.picture = Picture(subject.image)
    subject.mask = try Picture(contentsOf: Self.cutOut)
    #expect(subject.reference == masked)
    // Pixels that a script gives have no alpha channel.
    #expect(Subject("cat", image: subject.image).reference == subject.image)
  }

  private func read(_ json: String) throws -> Scene {
    try Scene(
      JSONNode(JSONValue.parse(json, name: "scene.json"), name: "scene.json"), files: SceneFiles(folder: folder.path))
  }

  @Test func optionsOfPicturesGoToJSONAndBack() throws {
    var labels = left(2, width: 320, height: 320)
    for channel in 0..<3 { labels.pixels[3 * 319 + channel] = 1 }
    try labels.write(folder.file("labels.png"))
    var scene = Scene("a cat", subjects: [Subject("cat", picture: try Picture(contentsOf: Self.cutOut))])
    scene.subjects[0].picture.usesAlpha = false
    scene.subjects[0].mask = try Picture(contentsOf: folder.file("labels.png"), orientation: .stored)
    scene.subjects[0].mask?.maskIndex = 2
    let found = try read(scene.json(in: folder.path).text())
    #expect(found == scene && found.subjects[0].mask?.maskIndex == 2 && found.subjects[0].mask?.orientation == .stored)
    #expect(found.subjects[0].reference == scene.subjects[0].reference)
    #expect(scene.subjects[0].reference == scene.subjects[0].image.masked(by: left(255, width: 320, height: 320)))
    // A PNG file inside the scene keeps its alpha channel.
    let png = Data(try bytes(of: Self.cutOut)).base64EncodedString()
    let inside = try read(#"{"prompt": "a cat", "subjects": [{"phrase": "cat", "picture": {"png": "\#(png)"}}]}"#)
    let again = try read(inside.json().text())
    #expect(again == inside && again.subjects[0].reference[0, 0] == (0, 0, 0))
  }

  @Test func unusableMasksOfASceneNameTheirEntry() throws {
    try grey(0, width: 320, height: 320).write(folder.file("none.png"))
    try PixelImage(width: 2, height: 2, red: 3).write(folder.file("small.png"))
    try FileManager.default.copyItem(atPath: Self.cutOut, toPath: folder.file("a.png"))
    func message(_ mask: String) throws -> String {
      let error = #expect(throws: (any Error).self) {
        try read(
          #"{"prompt": "a cat", "subjects": [{"phrase": "cat", "picture": {"file": "a.png"}, "mask": \#(mask)}]}"#)
      }
      return "\(try #require(error))"
    }
    #expect(try message(#""none.png""#).hasPrefix("scene.json: subjects[0].mask: expected a mask that is white"))
    #expect(try message(#"{"file": "small.png", "index": 9}"#).contains("expected a mask with"))
    #expect(try message(#"{"file": "small.png", "orientation": "up"}"#).contains("'shown' or 'stored'"))
  }

  @Test func hashesBesideContentsAreChecked() throws {
    let image = PixelImage(width: 2, height: 2, red: 9)
    try Data(image.pngBytes()).write(to: URL(fileURLWithPath: folder.file("a.png")))
    let hash = try #require(Picture(contentsOf: folder.file("a.png")).origin?.sha256)
    let png = Data(image.pngBytes()).base64EncodedString()
    func scene(_ hash: String) throws -> Scene {
      try read(
        #"{"prompt": "a", "subjects": [{"phrase": "a", "picture": {"png": "\#(png)", "sha256": "\#(hash)"}}]}"#)
    }
    #expect(try scene(hash).subjects[0].image == image)
    let error = #expect(throws: SceneError.self) { try scene(String(repeating: "0", count: 64)) }
    #expect("\(try #require(error))".contains("subjects[0].picture.png: expected contents with SHA-256 000000000000…"))
    let zeros = Data(count: 8).base64EncodedString()
    let noise = #"{"shape": [2], "float32": "\#(zeros)", "sha256": "\#(String(repeating: "1", count: 64))"}"#
    let other = #expect(throws: SceneError.self) { try read(#"{"prompt": "a", "noise": \#(noise)}"#) }
    #expect("\(try #require(other))".contains("noise.float32"))
  }
}
