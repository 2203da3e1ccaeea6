import Foundation

/// Passes on what a script writes to standard error, and reports a crash in immediate mode as one line.
///
/// After an uncaught error or a failed check, the Swift runtime writes a line that starts with file and line number.
/// Then the process ends itself by a signal, and the compiler in which the script runs writes a dump of its own stack.
/// The filter holds the runtime's message back until it is known how the process ended, and drops the dump. Other lines
/// are passed on at once, and an unfinished line, such as one that shows progress, at the next pause.
package struct FailureFilter {
  private enum State { case passing, failing, dumping }

  private var state = State.passing
  /// The bytes of the current, unfinished line.
  private var pending: [UInt8] = []
  /// The lines of the runtime's message.
  private var message: [String] = []
  /// The lines of the stack dump.
  private var dump: [String] = []
  /// Whether the last byte that was passed on did not end a line.
  private var isMidLine = false

  /// Greatest number of lines of the dump that are kept.
  private static let longestDump = 400

  package init() {}

  /// Whether bytes wait for the rest of their line, or for a pause.
  package var isHoldingUnfinishedLine: Bool { state == .passing && !pending.isEmpty }

  /// Takes bytes that the script wrote and returns those that can be passed on already.
  package mutating func feed(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    for byte in bytes {
      pending.append(byte)
      if byte == UInt8(ascii: "\n") {
        output += finishLine()
      } else if byte == UInt8(ascii: "\r"), state == .passing {
        output += pass()
      }
    }
    return output
  }

  /// Returns the unfinished line. To be called if the script has paused in the middle of a line.
  package mutating func pause() -> [UInt8] {
    isHoldingUnfinishedLine ? pass() : []
  }

  /// Returns the rest: the report of a crash, or all that was held back. To be called after the process has ended.
  package mutating func finish(_ end: ProcessEnd) -> [UInt8] {
    var output: [UInt8] = []
    if !pending.isEmpty {
      let isPassing = state == .passing
      if isPassing, !Self.isFailure(text(of: pending)) {
        output += pass()
      } else {
        output += finishLine()
      }
    }
    guard case .signalled(let signal) = end, ProcessEnd.crashes.contains(signal) else {
      // The process did not crash: what looked like a message about a crash was only text.
      let withheld = message + dump
      if !withheld.isEmpty { output += Array((withheld.joined(separator: "\n") + "\n").utf8) }
      return output
    }
    if isMidLine { output.append(UInt8(ascii: "\n")) }
    output += Array(("error: " + report(signal: signal) + "\n").utf8)
    return output
  }

  // MARK: Lines

  private mutating func pass() -> [UInt8] {
    defer { pending.removeAll() }
    isMidLine = pending.last.map { $0 != UInt8(ascii: "\n") } ?? isMidLine
    return pending
  }

  private mutating func finishLine() -> [UInt8] {
    let line = text(of: pending)
    switch state {
    case .passing:
      if Self.beginsDump(line) {
        state = .dumping
      } else if Self.isFailure(line) {
        state = .failing
        message = [line]
      } else {
        return pass()
      }
    case .failing:
      if Self.beginsDump(line) { state = .dumping } else { message.append(line) }
    case .dumping:
      if dump.count < Self.longestDump { dump.append(line) }
    }
    pending.removeAll()
    return []
  }

  /// Whether a line begins a stack dump, by the compiler or by the runtime.
  private static func beginsDump(_ line: String) -> Bool { line == "Stack dump:" || line == "Current stack trace:" }

  private func text(of bytes: [UInt8]) -> String {
    var text = String(decoding: bytes, as: UTF8.self)
    while text.hasSuffix("\n") { text.removeLast() }
    return text
  }

  // MARK: The one line

  /// A message of the runtime, such as `File.swift:12: Fatal error: reason`. File and line may be missing.
  private static var failure: Regex<(Substring, Substring?, Substring?)> {
    /(?:^|.*?)([^\s:]*\.swift:\d+)?(?:: )?(?:Fatal error|Precondition failed|Assertion failed)(?:: (.*))?/
  }

  private static func isFailure(_ line: String) -> Bool { line.wholeMatch(of: failure) != nil && hasLocation(line) }

  /// Whether the message is where the runtime writes it: at the start of the line, or right after a file's name and
  /// line number.
  private static func hasLocation(_ line: String) -> Bool {
    line.hasPrefix("Fatal error") || line.contains(/\.swift:\d+: (Fatal error|Precondition failed|Assertion failed)/)
  }

  private func report(signal: Int32) -> String {
    guard let first = message.first, let match = first.wholeMatch(of: Self.failure) else {
      return "the script was stopped by \(ProcessEnd.name(of: signal))"
        + (Self.place(in: dump).map { " in \($0)" } ?? "")
        + ", without a message"
    }
    var reason = match.2.map(String.init) ?? "a check failed without a message"
    let uncaught = "Error raised at top level: "
    let isUncaught = reason.hasPrefix(uncaught)
    if isUncaught { reason.removeFirst(uncaught.count) }
    reason = ([reason] + message.dropFirst()).joined(separator: "\n")
    guard !isUncaught, let location = match.1, !location.hasPrefix("Swift/") else {
      return isUncaught ? reason : reason + (Self.place(in: dump).map { " in \($0)" } ?? "")
    }
    return "\(reason) (\(location))"
  }

  /// The name, in readable form, of the first function in a stack dump that does not belong to the standard library;
  /// nil if there is none.
  static func place(in dump: [String]) -> String? {
    for frame in dump {
      // Names that begin with $ss or $sS belong to the standard library.
      guard let match = frame.firstMatch(of: /^ *#\d+ 0x[0-9a-f]+ (\$s[^sS]\S+)/), !frame.contains("libswift") else {
        continue
      }
      return demangled(String(match.1))
    }
    return nil
  }

  /// The Swift name behind a linker symbol, or the symbol itself.
  static func demangled(_ symbol: String) -> String {
    typealias Demangle =
      @convention(c) (
        UnsafePointer<CChar>?, Int, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UInt32
      ) -> UnsafeMutablePointer<CChar>?
    guard let function = dlsym(nil, "swift_demangle") else { return symbol }
    let demangle = unsafeBitCast(function, to: Demangle.self)
    guard let name = demangle(symbol, symbol.utf8.count, nil, nil, 0) else { return symbol }
    defer { free(name) }
    return String(cString: name)
  }
}
