import Checkpoints
import Foundation
import JSON
import TrainingData

/// What a data folder held when a training run was last started or resumed: the lines of its list, and the contents of
/// its pictures. The record is in the run's folder, as `data.json`, so that a change is noticed when the run is
/// resumed.
public struct DataRecord: Sendable, Equatable {
  /// A picture file. If its size and time equal those of an earlier record, its contents are not read again.
  struct File: Sendable, Equatable {
    let bytes: Int
    /// Time of the last change, in seconds since 1970.
    let changed: Double
    /// SHA-256 of the contents.
    let hash: String
  }

  static let name = "data.json"

  /// SHA-256 of each line of the list.
  let lines: [String]
  /// The picture files, by path in the data folder.
  let files: [String: File]
  /// SHA-256 of all lines and pictures as they were when the run began; it belongs to the run's plan.
  public let origin: String

  /// Reads everything in a data folder.
  /// - Parameter known: an earlier record of the same run. Its origin is kept, and files that have not been modified
  ///   since are not read again.
  /// - Throws: ``TrainingError/file(path:reason:)`` if a picture cannot be read.
  init(of folder: SampleFolder, known: DataRecord? = nil) throws {
    lines = folder.list.split(separator: "\n", omittingEmptySubsequences: false).map { SHA256.hash(of: String($0)) }
    var files: [String: File] = [:]
    for name in folder.pictures where files[name] == nil {
      let path = folder.path + "/" + name
      do {
        let attributes = try FileManager.default.attributesOfItem(atPath: (path as NSString).resolvingSymlinksInPath)
        let bytes = (attributes[.size] as? Int) ?? 0
        let changed = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        if let old = known?.files[name], old.bytes == bytes, old.changed == changed {
          files[name] = old
        } else {
          files[name] = File(bytes: bytes, changed: changed, hash: try Self.hash(ofFile: path))
        }
      } catch {
        throw TrainingError.file(path: path, reason: "the picture cannot be read: \(error.localizedDescription)")
      }
    }
    self.files = files
    let contents = files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.hash)" }
    origin = known?.origin ?? SHA256.hash(of: (lines + contents).joined(separator: "\n"))
  }

  private static func hash(ofFile path: String) throws -> String {
    var hash = SHA256()
    try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe).withUnsafeBytes { hash.update($0) }
    return hash.finish()
  }

  /// Compares a data folder with the record in a run's folder, if there is one.
  /// - Parameters:
  ///   - run: the run's folder.
  ///   - accepting: whether the run may continue on data that have changed.
  /// - Returns: the new record, and what has changed since the run's last start.
  /// - Throws: ``TrainingError/dataChanged(folder:changes:)`` if something has changed and `accepting` is false;
  ///   ``TrainingError/file(path:reason:)`` if a picture cannot be read; `JSONError` for a record that cannot be read.
  public static func check(
    _ folder: SampleFolder, against run: String, accepting: Bool
  ) throws -> (record: DataRecord, changes: [String]) {
    let path = run + "/" + name
    let old = FileManager.default.fileExists(atPath: path) ? try DataRecord(json: JSONNode.read(path)) : nil
    let new = try DataRecord(of: folder, known: old)
    let changes = old.map { new.changes(since: $0) } ?? []
    if !changes.isEmpty, !accepting { throw TrainingError.dataChanged(folder: folder.path, changes: changes) }
    return (new, changes)
  }

  /// Writes the record into a run's folder, which must exist.
  /// - Throws: `JSONError` if it cannot be written.
  public func write(to run: String) throws { try json.write(to: run + "/" + Self.name) }

  /// The differences from an earlier record, in words: those of the list first, then those of the pictures.
  func changes(since old: DataRecord) -> [String] {
    var result: [String] = []
    let list = SampleFolder.listName
    let same = zip(lines, old.lines).prefix { $0 == $1 }.count
    if lines != old.lines {
      result.append(
        lines.count == old.lines.count
          ? "\(list): line \(same + 1) is different"
          : "\(list): \(lines.count) lines instead of \(old.lines.count), different from line \(same + 1) on")
    }
    for (name, file) in old.files.sorted(by: { $0.key < $1.key }) {
      switch files[name] {
      case nil: result.append("\(name): no longer used")
      case let new? where new.hash != file.hash: result.append("\(name): replaced by another picture")
      default: break
      }
    }
    return result + files.keys.filter { old.files[$0] == nil }.sorted().map { "\($0): new" }
  }
}

// The record as JSON.
extension DataRecord {
  var json: JSONValue {
    .object([
      ("origin", .string(origin)), ("lines", JSONValue(lines)),
      (
        "files",
        .object(
          files.sorted { $0.key < $1.key }.map { name, file in
            (
              name,
              .object([
                ("bytes", JSONValue(file.bytes)), ("changed", .double(file.changed)), ("sha256", .string(file.hash)),
              ])
            )
          })
      ),
    ])
  }

  /// - Throws: `JSONError` if something is missing or of the wrong type.
  init(json: JSONNode) throws {
    origin = try json["origin"].string()
    lines = try json["lines"].strings()
    files = try Dictionary(
      uniqueKeysWithValues: json["files"].keys().map { name in
        let file = json["files"][name]
        return (
          name,
          File(
            bytes: try file["bytes"].int(), changed: try file["changed"].double(), hash: try file["sha256"].string())
        )
      })
  }
}
