import Foundation
import Synchronization

/// The way in which a process ended.
package enum ProcessEnd: Sendable, Equatable {
  case exited(Int32)
  case signalled(Int32)

  init(waitStatus status: Int32) {
    let signal = status & 0x7f
    self = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
  }

  /// The signals by which a process ends if it crashes.
  static let crashes: Set<Int32> = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGSYS]

  /// The exit code that corresponds to this end: 1 for every crash, 128 plus the signal for a process that was stopped.
  package var exitCode: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let signal): Self.crashes.contains(signal) ? 1 : 128 + signal
    }
  }

  /// Whether a signal from outside stopped the process, or an exit code says so.
  package var wasInterrupted: Bool {
    [SIGINT, SIGTERM, SIGHUP].contains { self == .signalled($0) || self == .exited(128 + $0) }
  }

  static func name(of signal: Int32) -> String {
    "signal \(signal) (\(strsignal(signal).map { String(cString: $0).lowercased() } ?? "unknown"))"
  }
}

/// Runs one program to its end. The program's standard error passes through a filter; its other streams are shared with
/// this process.
///
/// Signals that ask this process to stop are passed on to the program. If it does not end within about two seconds, it
/// is killed, so that nothing is left running. Only one program can run at a time.
package enum ChildProcess {
  /// Runs a program and waits for its end.
  /// - Throws: ``ScriptingError/cannotStart(program:reason:)``.
  package static func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    writing write: (ArraySlice<UInt8>) -> Void = { standardError($0) }
  ) throws -> ProcessEnd {
    let errors = try Pipe.make(for: program)
    let process = try spawn(program, arguments, environment: environment, standardError: errors.writing)
    close(errors.writing)
    defer { close(errors.reading) }
    let supervision = Supervision(of: process)
    defer { supervision.end() }

    var filter = FailureFilter()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var descriptor = pollfd(fd: errors.reading, events: Int16(POLLIN), revents: 0)
      let ready = poll(&descriptor, 1, filter.isHoldingUnfinishedLine ? 20 : 200)
      supervision.killIfOverdue()
      if ready < 0 && errno == EINTR { continue }
      if ready == 0 {
        write(filter.pause()[...])
        continue
      }
      let count = read(errors.reading, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { break }
      write(filter.feed(buffer[..<count])[...])
    }
    let end = supervision.wait()
    write(filter.finish(end)[...])
    return end
  }

  /// Writes all bytes to standard error at once, without a buffer.
  package static func standardError(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// Runs a program and returns what it prints on standard output.
///
/// - Throws: ``ScriptingError/cannotStart(program:reason:)`` if the program cannot be started, or fails.
package func capture(_ program: String, _ arguments: [String]) throws -> String {
  let output = try Pipe.make(for: program)
  let process = try spawn(program, arguments, environment: [:], standardOutput: output.writing)
  close(output.writing)
  defer { close(output.reading) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 12)
  while true {
    let count = read(output.reading, &buffer, buffer.count)
    if count < 0 && errno == EINTR { continue }
    if count <= 0 { break }
    bytes += buffer[..<count]
  }
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  guard case .exited(0) = ProcessEnd(waitStatus: status) else {
    throw ScriptingError.cannotStart(program: program, reason: "it ended with an error")
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Replaces this process by a program.
/// - Throws: ``ScriptingError/cannotStart(program:reason:)``; otherwise this function does not return.
package func become(_ program: String, _ arguments: [String], environment: [String: String]) throws -> Never {
  for (name, value) in environment { setenv(name, value, 1) }
  withCStrings([program] + arguments) { _ = execvp(program, $0) }
  throw ScriptingError.cannotStart(program: program, reason: String(cString: strerror(errno)))
}

private struct Pipe {
  let reading: Int32
  let writing: Int32

  static func make(for program: String) throws -> Pipe {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw ScriptingError.cannotStart(program: program, reason: String(cString: strerror(errno)))
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return Pipe(reading: ends[0], writing: ends[1])
  }
}

private func spawn(
  _ program: String, _ arguments: [String], environment: [String: String], standardOutput: Int32? = nil,
  standardError: Int32? = nil
) throws -> pid_t {
  var files = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&files)
  defer { posix_spawn_file_actions_destroy(&files) }
  if let standardOutput { posix_spawn_file_actions_adddup2(&files, standardOutput, STDOUT_FILENO) }
  if let standardError { posix_spawn_file_actions_adddup2(&files, standardError, STDERR_FILENO) }

  // The child process handles signals in the default way, even if this process ignores them.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var signals = sigset_t()
  sigemptyset(&signals)
  for signal in Supervision.signals + [SIGPIPE] { sigaddset(&signals, signal) }
  posix_spawnattr_setsigdefault(&attributes, &signals)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

  var variables = ProcessInfo.processInfo.environment
  variables.merge(environment) { $1 }
  var process: pid_t = 0
  let failure = withCStrings([program] + arguments) { arguments in
    withCStrings(variables.map { "\($0)=\($1)" }) { variables in
      posix_spawnp(&process, program, &files, &attributes, arguments, variables)
    }
  }
  guard failure == 0 else {
    throw ScriptingError.cannotStart(program: program, reason: String(cString: strerror(failure)))
  }
  return process
}

private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers = strings.map { strdup($0) } + [nil]
  defer { for pointer in pointers { free(pointer) } }
  return body(&pointers)
}

/// Passes signals on to one child process, and makes sure that it ends.
private struct Supervision {
  static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// The child's process ID, 0 if there is no child; and the time at which the child was first asked to stop, in
  /// seconds of the monotonic clock, 0 if it was not asked. Both are atomic, because a signal handler may not use other
  /// kinds of variables.
  private static let child = Atomic<pid_t>(0)
  private static let askedToStop = Atomic<Int>(0)
  private static let patience = 2

  private let process: pid_t

  init(of process: pid_t) {
    self.process = process
    Self.askedToStop.store(0, ordering: .sequentiallyConsistent)
    Self.child.store(process, ordering: .sequentiallyConsistent)
    for signal in Self.signals {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { signal in
        let child = Supervision.child.load(ordering: .sequentiallyConsistent)
        guard child > 0 else { return }
        kill(child, signal)
        _ = Supervision.askedToStop.compareExchange(
          expected: 0, desired: Supervision.now, ordering: .sequentiallyConsistent)
      }
      sigaction(signal, &action, nil)
    }
  }

  private static var now: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return max(1, time.tv_sec)
  }

  func killIfOverdue() {
    let asked = Self.askedToStop.load(ordering: .sequentiallyConsistent)
    if asked > 0 && Self.now - asked > Self.patience { kill(process, SIGKILL) }
  }

  /// Waits for the child's end. A child that was asked to stop, but had to be killed, counts as stopped by SIGINT.
  func wait() -> ProcessEnd {
    var status: Int32 = 0
    while true {
      let ended = waitpid(process, &status, WNOHANG)
      if ended == process { break }
      if ended < 0 && errno != EINTR { break }
      killIfOverdue()
      usleep(2000)
    }
    let end = ProcessEnd(waitStatus: status)
    let wasAsked = Self.askedToStop.load(ordering: .sequentiallyConsistent) > 0
    return wasAsked && end == .signalled(SIGKILL) ? .signalled(SIGINT) : end
  }

  func end() {
    Self.child.store(0, ordering: .sequentiallyConsistent)
    for signal in Self.signals { Glibc.signal(signal, SIG_DFL) }
  }
}
