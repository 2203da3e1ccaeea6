import Foundation
import JSON

/// The rows of a measure, stored in a file that grows batch by batch, so that an interrupted measurement resumes where
/// it stopped.
///
/// A file with a different header, or one that cannot be read, is ignored and then overwritten.
struct Ledger<Row: MeasuredRow> {
  private(set) var rows: [Int: Row] = [:]
  private let path: String?
  /// Everything that the rows depend on, such as the model and the settings.
  private let header: JSONValue

  /// - Parameter path: the file; nil: rows are kept only in memory.
  init(path: String?, header: JSONValue) {
    (self.path, self.header) = (path, header)
    guard let path, FileManager.default.fileExists(atPath: path), let file = try? JSONNode.read(path),
      file["made from"].value?.text() == header.text(), let found = try? file["rows"].decoded(as: [Row].self)
    else { return }
    rows = Dictionary(found.map { ($0.scene, $0) }) { first, _ in first }
  }

  /// Adds rows and writes the file.
  /// - Throws: an error from the file system or `JSONError` if the file cannot be written; `EncodingError` if a number
  ///   is not finite.
  mutating func add(_ new: [Row]) throws {
    for row in new { rows[row.scene] = row }
    guard let path else { return }
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try JSONValue.object([
      ("made from", header), ("rows", JSONValue(encoding: rows.values.sorted { $0.scene < $1.scene })),
    ]).write(to: path, pretty: false)
  }
}
