import Foundation

/// Stops the program with a message, in release builds too, where `precondition` would lose it.
///
/// For mistakes of the programmer (shapes that cannot fit); what a user passes is checked at the borders and thrown.
public func fail(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  fatalError(message, file: file, line: line)
}
