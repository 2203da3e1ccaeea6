import Foundation
import JSON

/// The folder of one training run; only one process at a time can use it.
final class TrainingFolder {
  let path: String
  let log: TrainingLog
  private let lock: Int32
  private let start = ContinuousClock.now
  /// Seconds that the run took before it was resumed.
  private let earlierSeconds: Double

  /// - Throws: ``TrainingError/busy(folder:)``, ``TrainingError/file(path:reason:)``.
  init(_ path: String) throws {
    self.path = path
    log = TrainingLog(folder: path)
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw TrainingError.file(
        path: path, reason: "the folder cannot be created: \(error.localizedDescription)")
    }
    lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else {
      throw TrainingError.file(
        path: path, reason: "the folder cannot be written to: \(String(cString: strerror(errno)))")
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw TrainingError.busy(folder: path)
    }
    earlierSeconds = (try? JSONNode.read(path + "/time.json")["seconds"].double()) ?? 0
    // Remove files that a crash left half written.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name.hasSuffix(".part") {
      try? FileManager.default.removeItem(atPath: path + "/" + name)
    }
  }

  deinit { close(lock) }

  /// Writes the total time so far. It is kept out of the log, so that the log of a repeated run has the same bytes.
  func writeTime(step: Int) throws {
    let passed = ContinuousClock.now - start
    let seconds = earlierSeconds + passed.seconds
    try JSONValue.object([("step", JSONValue(step)), ("seconds", .double((seconds * 10).rounded() / 10))])
      .write(to: path + "/time.json")
  }
}

extension Duration {
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
