import Foundation
import JSON

/// The rows of a measure in a file that grows batch by batch, so that an interrupted measurement resumes where it
/// stopped.
///
/// A file made with another model or other settings is overwritten.
struct Ledger<Row: MeasuredRow> {
  private(set) var rows: [Int: Row] = [:]
  private let path: String?
  /// What the rows depend on.
  private let header: JSONValue

  /// - Parameter path: nil keeps rows only in memory.
  init(path: String?, header: JSONValue) {
    (self.path, self.header) = (path, header)
    guard let path, FileManager.default.fileExists(atPath: path), let file = try? JSONNode.read(path),
      file["made from"].value?.text() == header.text(), let found = try? file["rows"].decoded(as: [Row].self)
    else { return }
    rows = Dictionary(found.map { ($0.scene, $0) }) { first, _ in first }
  }

  /// - Throws: `JSONError` where the file cannot be written; `EncodingError` for a number that is not finite.
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
