import Foundation
import JSON

/// The log of a training run, `log.jsonl`: one JSON object per line, each with the number of steps done.
struct TrainingLog {
  let path: String

  init(folder: String) { path = folder + "/log.jsonl" }

  /// Removes the entries of all later steps, and a last line that was cut off.
  func truncate(after step: Int) throws {
    guard let data = FileManager.default.contents(atPath: path) else { return }
    let kept = data.split(separator: UInt8(ascii: "\n")).prefix { line in
      guard let json = try? JSONValue.parse(Array(line), name: path),
        let number = try? JSONNode(json, name: path)["step"].int()
      else { return false }
      return number <= step
    }
    let text = kept.reduce(into: Data()) { $0 += $1 + [UInt8(ascii: "\n")] }
    guard text != data else { return }
    do {
      try text.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw TrainingError.file(path: path, reason: "cannot be written: \(error.localizedDescription)")
    }
  }

  /// Adds a line.
  func append(_ pairs: [(String, JSONValue)]) throws {
    let line = Array((JSONValue.object(pairs).text() + "\n").utf8)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else {
      throw TrainingError.file(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}
