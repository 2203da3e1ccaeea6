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
    var reference: String?
    var mask, referenceMask: Mask?
  }

  /// The file of a mask, and the label that it selects; nil: what is not black.
  struct Mask: Sendable {
    let path: String
    let index: Int?
  }

  let list: String
  let line: Int
  let image: String
  let orientation: ImageOrientation
  let usesAlpha: Bool
  let caption: String
  let subjects: [Subject]

  /// The list's path and the line number, for messages.
  var location: String { "\(list), line \(line)" }

  /// Paths of all picture files of the line.
  var pictures: [String] {
    [image] + subjects.flatMap { [$0.mask?.path, $0.reference, $0.referenceMask?.path].compactMap { $0 } }
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

    func mask(_ node: JSONNode, _ name: String, _ location: String) throws -> Mask? {
      let (file, index) = (try file(ifPresent: node[name], "\(location).\(name)"), node[name + "_index"])
      guard let file else {
        guard !index.isPresent else { throw refused("\(location).\(name)_index", "\(name) as well", "none") }
        return nil
      }
      return Mask(path: file, index: index.isPresent ? try index.int() : nil)
    }

    try check(node, "the sample", ["image", "caption", "subjects", "orientation", "uses_alpha"])
    let orientation = try node["orientation"].string(or: ImageOrientation.shown.rawValue)
    guard let orientation = ImageOrientation(rawValue: orientation) else {
      throw refused("orientation", "'shown' or 'stored'", "'\(orientation)'")
    }
    self.orientation = orientation
    usesAlpha = node["uses_alpha"].isPresent ? try node["uses_alpha"].bool() : true
    image = try file(node["image"], "image")
    caption = try node["caption"].string()
    let listed = try node["subjects"].array()
    guard listed.count <= Self.subjectLimit else {
      throw refused("subjects", "at most \(Self.subjectLimit)", "\(listed.count)")
    }
    var subjects: [Subject] = []
    for (index, subject) in listed.enumerated() {
      let key = "subjects[\(index)]"
      try check(
        subject, key, ["phrase", "box", "mask", "mask_index", "reference", "reference_mask", "reference_mask_index"])
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
      let reference = subject["reference"]
      guard reference.isPresent || !subject["reference_mask"].isPresent else {
        throw refused("\(key).reference_mask", "a reference as well", "none")
      }
      subjects.append(
        Subject(
          phrase: phrase, box: box, reference: try file(ifPresent: reference, "\(key).reference"),
          mask: try mask(subject, "mask", key), referenceMask: try mask(subject, "reference_mask", key)))
    }
    (self.list, self.line, self.subjects) = (list, line, subjects)
  }
}
