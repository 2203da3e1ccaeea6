import Analysis
import Foundation
import Images
import JSON
import Tensors

/// Your own training data: images with captions, boxes, masks and references in a folder.
///
/// The folder holds a file `samples.jsonl`, one sample per line, each a JSON object; blank lines are skipped:
///
/// ```json
/// {"image": "images/1.jpg", "caption": "a dog and a ball on the grass", "subjects": [
///   {"phrase": "dog", "box": [0.1, 0.2, 0.5, 0.9], "mask": "masks/1-dog.png", "reference": "references/dog.png"},
///   {"phrase": "ball", "box": [0.6, 0.7, 0.8, 0.9]}]}
/// ```
///
/// Each object is a single line of the file; this one is wrapped for reading.
///
/// | key | value |
/// | --- | --- |
/// | `image` | a PNG, JPEG, GIF, WebP or BMP file; its middle square is used |
/// | `caption` | a description of the image |
/// | `subjects` | none to four |
/// | `phrase` | words that occur in the caption; if two subjects share it, the second is its second occurrence |
/// | `box` | left, top, right and bottom in fractions of the whole image, 0…1, tight around the subject |
/// | `mask` | an image of the proportions of `image`, white where the subject is visible; default: the whole box |
/// | `reference` | another image of it, stretched to a square; default: `image` in the box, black outside `mask` |
/// | `reference_mask` | a mask of the reference; pixels outside the mask become black |
/// | `mask_index`, `reference_mask_index` | the label that a mask selects; default: what is not black |
/// | `orientation` | of a sample: `"stored"` reads its photographs without turning them as their cameras' tags say |
/// | `uses_alpha` | of a sample: `false` ignores alpha channels |
///
/// Boxes and masks refer to the photograph as viewers show it, unless `orientation` is `"stored"`. A mask of 0 and 1, a
/// mask of one colour on black, and an image with an alpha channel can also be used as masks. If there is no mask, the
/// opaque part of an image or reference with an alpha channel is its mask; for an image, only inside the subject's box.
///
/// Paths are relative to the folder and must stay inside it. Any mistake in a line is an error that names file, line
/// and key. Mistakes include a key that is not listed here, a mask that selects nothing or everything, and a mask of
/// `image` of which not more than half is inside the subject's box. Lines are checked when the folder is opened, images
/// when a sample is read.
public struct SampleFolder: Sendable {
  /// The file that lists the samples.
  public static let listName = "samples.jsonl"

  public let path: String
  /// The text of the list.
  package let list: String
  private let entries: [SampleEntry]

  /// Opens a folder and checks its list.
  /// - Throws: ``TrainingDataError`` if the list cannot be read, is empty or has a wrong entry; `JSONError` if a line
  ///   is not JSON, or if a value in it is missing or has the wrong type.
  public init(_ path: String) throws {
    self.path = path
    let file = path + "/" + Self.listName
    guard let data = FileManager.default.contents(atPath: file) else {
      throw TrainingDataError.entry(
        file: file, location: "the list of samples", expected: "a file of one JSON object per line",
        found: "no readable file")
    }
    let text = [UInt8](data)
    if text.starts(with: [0xff, 0xfe]) || text.starts(with: [0xfe, 0xff]) {
      throw TrainingDataError.entry(
        file: file, location: "line 1", expected: "text in UTF-8", found: "text in UTF-16; save it again as UTF-8")
    }
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    let blank = Array(" \t\r".utf8)
    let lines = (text.starts(with: mark) ? text.dropFirst(mark.count) : text[...])
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
      .filter { !$0.element.allSatisfy(blank.contains) }
    if let first = lines.first?.element, !first.contains(UInt8(ascii: "{")), let other = OtherFile(text) {
      throw TrainingDataError.entry(
        file: file, location: "line 1", expected: "a JSON object per line",
        found: other.description + "; "
          + (other.isPicture ? "put the list itself in its place" : other.remedy.replacing("image", with: "list")))
    }
    guard !lines.isEmpty else {
      throw TrainingDataError.entry(
        file: file, location: "line 1", expected: "a JSON object",
        found: text.isEmpty ? "an empty file" : "blank lines only")
    }
    list = String(decoding: data, as: UTF8.self)
    entries = try lines.map { number, line in
      try SampleEntry(Array(line), folder: path, list: file, line: number + 1)
    }
  }

  /// The number of samples.
  public var count: Int { entries.count }

  /// The line number, from 1, of the first sample without subjects; nil if every sample has at least one subject.
  public var firstWithoutSubjects: Int? { entries.first { $0.subjects.isEmpty }?.line }

  /// The picture files that the list names, as paths in the folder; a file may occur several times.
  package var pictures: [String] { entries.flatMap(\.pictures).map { String($0.dropFirst(path.count + 1)) } }

  /// A sample's caption with its subjects' phrases.
  package struct Caption: Sendable {
    /// The list's path and the line number, for messages.
    package let location: String
    package let text: String
    package let phrases: [String]
  }

  /// All captions, in the order of the list.
  package var captions: [Caption] {
    entries.map { Caption(location: $0.location, text: $0.caption, phrases: $0.subjects.map(\.phrase)) }
  }

  /// Reads one sample. Stops the program if a size is not positive.
  /// - Parameters:
  ///   - index: the sample's index; 0 is the first sample of the list.
  ///   - size: pixels per side of the image and the silhouettes.
  ///   - referenceSize: pixels per side of the references.
  /// - Throws: ``TrainingDataError`` if there is no sample at `index`, if a mask cannot be used, or if a subject is
  ///   outside the image's middle square; `ImageError` if an image cannot be read.
  public func sample(_ index: Int, size: Int = 64, referenceSize: Int = 64) throws -> TrainingSample {
    guard entries.indices.contains(index) else {
      throw TrainingDataError.noSample(folder: path, index: index, count: count)
    }
    return try entries[index].sample(size: size, referenceSize: referenceSize)
  }
}
