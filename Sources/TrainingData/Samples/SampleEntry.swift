import Analysis
import Foundation
import Images
import JSON
import Phrases
import Tensors

/// One line of a data folder's list.
struct SampleEntry: Sendable {
  struct Subject: Sendable {
    var phrase: String
    var box: Box
    var mask, reference, referenceMask: String?
  }

  private let list: String
  private let line: Int
  private let image: String
  let caption: String
  let subjects: [Subject]

  /// The list's path and the line number, for messages.
  var location: String { "\(list), line \(line)" }

  /// Paths of all picture files of the line.
  var pictures: [String] {
    [image] + subjects.flatMap { [$0.mask, $0.reference, $0.referenceMask].compactMap { $0 } }
  }

  /// The most subjects that a sample may have, as in the paper's training.
  static let subjectLimit = 4

  /// - Throws: ``TrainingDataError`` or `JSONError`.
  init(_ bytes: [UInt8], folder: String, list: String, line: Int) throws {
    let name = "\(list), line \(line)"
    let node = JSONNode(try JSONValue.parse(bytes, name: name), name: name)
    func refused(_ key: String, _ expected: String, _ found: String) -> TrainingDataError {
      .entry(file: list, location: "line \(line), \(key)", expected: expected, found: found)
    }
    func check(_ node: JSONNode, _ name: String, _ known: [String]) throws {
      for key in try node.keys() where !known.contains(key) {
        throw refused(name, "the keys \(known.joined(separator: ", "))", "'\(key)'")
      }
    }
    func file(_ node: JSONNode, _ key: String) throws -> String {
      let relative = try node.string()
      let parts = relative.split(separator: "/", omittingEmptySubsequences: false)
      guard !relative.isEmpty, !parts.contains(".."), !relative.hasPrefix("/"), !relative.utf8.contains(0) else {
        throw refused(key, "a path inside the folder", "'\(relative)'")
      }
      guard FileManager.default.isReadableFile(atPath: folder + "/" + relative) else {
        throw refused(key, "an image file", "no readable file at \(folder)/\(relative)")
      }
      return folder + "/" + relative
    }
    func file(ifPresent node: JSONNode, _ key: String) throws -> String? {
      node.isPresent ? try file(node, key) : nil
    }

    try check(node, "the sample", ["image", "caption", "subjects"])
    image = try file(node["image"], "image")
    caption = try node["caption"].string()
    let listed = try node["subjects"].array()
    guard listed.count <= Self.subjectLimit else {
      throw refused("subjects", "at most \(Self.subjectLimit)", "\(listed.count)")
    }
    var subjects: [Subject] = []
    for (index, subject) in listed.enumerated() {
      let key = "subjects[\(index)]"
      try check(subject, key, ["phrase", "box", "mask", "reference", "reference_mask"])
      let phrase = try subject["phrase"].string()
      let needed = subjects.count { $0.phrase == phrase } + 1
      let occurrences = WordList(caption).occurrences(of: WordList(phrase)).count
      guard occurrences >= needed else {
        let times =
          needed == 1 ? "words of the caption '\(caption)'" : "words that occur \(needed) times in '\(caption)'"
        let found =
          occurrences == 0
          ? "does not occur in it" : "occurs only \(occurrences == 1 ? "once" : "\(occurrences) times")"
        throw refused("\(key).phrase", times, "'\(phrase)', which \(found)")
      }
      let numbers = try subject["box"].floats()
      let box: Box
      do {
        box = try Box(validating: numbers)
      } catch {
        throw refused("\(key).box", "left, top, right and bottom in 0…1", "\(numbers) (\(error))")
      }
      guard !box.isNone else { throw refused("\(key).box", "a box with an area", "all zeros") }
      let (mask, reference, referenceMask) = (subject["mask"], subject["reference"], subject["reference_mask"])
      guard reference.isPresent || !referenceMask.isPresent else {
        throw refused("\(key).reference_mask", "a reference as well", "none")
      }
      subjects.append(
        Subject(
          phrase: phrase, box: box, mask: try file(ifPresent: mask, "\(key).mask"),
          reference: try file(ifPresent: reference, "\(key).reference"),
          referenceMask: try file(ifPresent: referenceMask, "\(key).reference_mask")))
    }
    (self.list, self.line, self.subjects) = (list, line, subjects)
  }
}

extension SampleEntry {
  func sample(size: Int, referenceSize: Int) throws -> TrainingSample {
    let picture = try PixelImage(contentsOf: image)
    let square = Square(picture)
    let scaled = square.cropped(picture).resized(width: size, height: size).tensor()
    let subjects = try self.subjects.enumerated().map { index, subject in
      guard let box = square.cropped(subject.box) else {
        throw TrainingDataError.entry(
          file: list, location: "line \(line), subjects[\(index)].box",
          expected: "a box that overlaps the middle square of \(image), since only that part of the image is used",
          found: "\(subject.box), which is outside it")
      }
      let mask = try subject.mask.map { try masking($0, picture, image) }
      let silhouette =
        mask.map { square.cropped($0).resized(width: size, height: size, filter: .bilinear).coverage }
        ?? box.mask(height: size, width: size)
      return TrainingSubject(
        phrase: subject.phrase, box: box, silhouette: silhouette,
        // Stretched to a square, like references in generation.
        reference: try reference(of: subject, picture, mask)
          .resized(width: referenceSize, height: referenceSize, filter: .bicubic).tensor())
    }
    return TrainingSample(caption: caption, image: scaled * 2 - 1, subjects: subjects)
  }

  /// The subject's reference image, black outside the reference's mask, if there is one. A subject without a reference
  /// image gets the part of the sample's own image inside its box, black outside the subject's mask.
  private func reference(of subject: Subject, _ picture: PixelImage, _ mask: PixelImage?) throws -> PixelImage {
    guard let path = subject.reference else {
      let visible = mask.map { picture.masked(by: $0) } ?? picture
      let cells = subject.box.cells(height: picture.height, width: picture.width)
      return visible.cropped(
        x: cells.columns.lowerBound, y: cells.rows.lowerBound, width: cells.columns.count, height: cells.rows.count)
    }
    let reference = try PixelImage(contentsOf: path)
    guard let mask = subject.referenceMask else { return reference }
    return reference.masked(by: try masking(mask, reference, path))
  }

  /// Reads the mask of an image; the two must have the same size.
  private func masking(_ path: String, _ picture: PixelImage, _ image: String) throws -> PixelImage {
    let mask = try PixelImage(contentsOf: path)
    guard (mask.width, mask.height) == (picture.width, picture.height) else {
      throw TrainingDataError.entry(
        file: list, location: "line \(line), \(path)",
        expected: "a mask of \(picture.width)×\(picture.height) pixels, the size of \(image)",
        found: "\(mask.width)×\(mask.height)")
    }
    return mask
  }
}

/// The middle square of an image.
private struct Square {
  let x, y, side, width, height: Int

  init(_ image: PixelImage) {
    (width, height, side) = (image.width, image.height, min(image.width, image.height))
    (x, y) = ((width - side) / 2, (height - side) / 2)
  }

  func cropped(_ image: PixelImage) -> PixelImage { image.cropped(x: x, y: y, width: side, height: side) }

  /// The part of a box that is inside the square, in fractions of the square; nil if no part is.
  func cropped(_ box: Box) -> Box? {
    func inside(_ edge: Float, _ whole: Int, _ start: Int) -> Float {
      min(max((edge * Float(whole) - Float(start)) / Float(side), 0), 1)
    }
    let box = Box(
      inside(box.x0, width, x), inside(box.y0, height, y), inside(box.x1, width, x), inside(box.y1, height, y))
    return box.area > 0 ? box : nil
  }
}

extension PixelImage {
  /// The brightness of each pixel, the mean of its channels, 0…1: [height, width].
  fileprivate var coverage: Tensor {
    Tensor(
      (0..<width * height).map { pixel in
        Float(Int(pixels[3 * pixel]) + Int(pixels[3 * pixel + 1]) + Int(pixels[3 * pixel + 2])) / 765
      }, shape: [height, width])
  }
}
