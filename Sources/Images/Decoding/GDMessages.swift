import CGD
import Foundation

/// Collects the warnings of libgd and the libraries behind it, for use in error messages instead of being printed.
enum GDMessages {
  /// Runs work that calls libgd. Returns the work's result, and the first warning that libgd gave on this thread during
  /// the work; nil if it gave none.
  static func collected<Result>(_ work: () throws -> Result) rethrows -> (result: Result, first: String?) {
    _ = installed
    let storage = Thread.current.threadDictionary
    storage.removeObject(forKey: key)
    defer { storage.removeObject(forKey: key) }
    let result = try work()
    return (result, storage[key] as? String)
  }

  private static let key = "Images.GDMessages"

  private static let installed: Bool = {
    gdSetErrorMethod { _, format, arguments in
      let storage = Thread.current.threadDictionary
      let list: CVaListPointer? = arguments  // a pointer on some processors, a structure on others
      guard let format, let list, storage[GDMessages.key] == nil else { return }
      var text = [CChar](repeating: 0, count: 512)
      vsnprintf(&text, text.count, format, list)
      let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      storage[GDMessages.key] = GDMessages.shortened(String(decoding: bytes, as: UTF8.self))
    }
    return true
  }()

  /// A warning without the prefix that libgd adds.
  private static func shortened(_ remark: String) -> String {
    let line = remark.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let colon = line.range(of: "error: ") else { return line }
    return line[colon.upperBound...].isEmpty ? line : String(line[colon.upperBound...])
  }
}
