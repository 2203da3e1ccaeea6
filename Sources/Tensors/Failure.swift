import Foundation

/// Stops the program with a message, also in release builds, where `precondition` would drop it.
///
/// For programming errors, such as shapes that do not fit. Errors in user input are thrown where the input is read.
public func fail(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  fatalError(message, file: file, line: line)
}
