import Foundation

/// Stops the program with a message, also in release builds, where `precondition` would drop it.
///
/// For programming errors such as shapes that do not fit. What a user passes is checked where it comes in, and thrown.
public func fail(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  fatalError(message, file: file, line: line)
}
