import Foundation

/// The characters that a TrueType font can draw (OpenType specification, cmap, formats 4 and 12).
struct FontCoverage: Sendable {
  private var characters: Set<UInt32> = []

  /// Reads a font file; nil if it has no table of Unicode characters that can be read.
  init?(contentsOf path: String) {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let bytes = [UInt8](data)
    func number(_ start: Int, _ count: Int) -> Int? {
      guard start >= 0, start + count <= bytes.count else { return nil }
      return bytes[start..<start + count].reduce(0) { $0 << 8 | Int($1) }
    }
    let tables = (0..<(number(4, 2) ?? 0)).map { 12 + 16 * $0 }
    guard let entry = tables.first(where: { number($0, 4) == 0x636d_6170 }), let map = number(entry + 8, 4),
      let count = number(map + 2, 2)
    else { return nil }
    let subtables = (0..<count).compactMap { number(map + 8 + 8 * $0, 4).map { map + $0 } }
    if let wide = subtables.first(where: { number($0, 2) == 12 }) {
      for group in 0..<min(number(wide + 12, 4) ?? 0, 100_000) {
        let start = wide + 16 + 12 * group
        guard let first = number(start, 4), let last = number(start + 4, 4), first <= last, last <= 0x10ffff else {
          return nil
        }
        characters.formUnion((first...last).map { UInt32($0) })
      }
    } else if let narrow = subtables.first(where: { number($0, 2) == 4 }), let double = number(narrow + 6, 2) {
      for segment in 0..<double / 2 {
        guard let last = number(narrow + 14 + 2 * segment, 2),
          let first = number(narrow + 16 + double + 2 * segment, 2), first <= last
        else { return nil }
        characters.formUnion((first...last).map { UInt32($0) })
      }
    }
    if characters.isEmpty { return nil }
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool { characters.contains(scalar.value) }
}
