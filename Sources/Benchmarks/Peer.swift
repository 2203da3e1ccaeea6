import Foundation

/// A process that runs the same case in PyTorch, once for each line that it is sent.
package final class Peer {
  private let process = Process()
  private let (input, output) = (Pipe(), Pipe())
  private var received: [UInt8] = []
  /// Versions and threads, as the process reported them.
  package private(set) var description = ""

  /// Starts the process and waits until it is ready.
  /// - Parameters:
  ///   - python: an interpreter with torch, diffusers and transformers.
  ///   - script: path of `bench_peer.py`.
  /// - Throws: ``PeerError``.
  package init(python: String, script: String, case name: BenchmarkCase, checkpoint: String) throws {
    // Writing to a process that has ended would otherwise end this one; it should report an error instead.
    signal(SIGPIPE, SIG_IGN)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, script, name.rawValue, checkpoint]
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    description = try line()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.terminate()
  }

  /// Runs the case once.
  /// - Returns: seconds.
  package func time() throws -> Double {
    // If the process has ended, reading says so.
    try? input.fileHandleForWriting.write(contentsOf: Data("run\n".utf8))
    let line = try line()
    guard let seconds = Double(line) else { throw PeerError(reason: "expected a number of seconds, found '\(line)'") }
    return seconds
  }

  private func line() throws -> String {
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        defer { received.removeFirst(end + 1) }
        return String(decoding: received[..<end], as: UTF8.self)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else {
        throw PeerError(
          reason: "the process ended early; its messages are above. It needs torch, diffusers, transformers")
      }
      received += more
    }
  }
}

/// A fault in the process that runs the cases in PyTorch.
package struct PeerError: Error, CustomStringConvertible {
  package let reason: String
  package var description: String { "the peer: \(reason)" }
}
