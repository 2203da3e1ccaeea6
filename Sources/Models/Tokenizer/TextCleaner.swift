import Foundation

/// Prepares a text for splitting into words: removes control characters, puts spaces around Chinese characters,
/// composes characters (NFC) and lower-cases them.
enum TextCleaner {
  static func cleaned(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      if scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" || category == .spaceSeparator {
        scalars.append(" ")
      } else if scalar.value == 0xfffd || isControl(category) {
        continue
      } else if isChinese(scalar.value) {
        scalars.append(contentsOf: [" ", scalar, " "])
      } else {
        scalars.append(scalar)
      }
    }
    let composed = String(scalars).precomposedStringWithCanonicalMapping
    let words = composed.unicodeScalars.split { $0 == " " || $0.properties.isWhitespace }
    return words.map { String($0).lowercased() }.joined(separator: " ")
  }

  private static func isControl(_ category: Unicode.GeneralCategory) -> Bool {
    switch category {
    case .control, .format, .surrogate, .privateUse, .unassigned: true
    default: false
    }
  }

  private static func isChinese(_ code: UInt32) -> Bool {
    switch code {
    case 0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2b73f, 0x2b740...0x2b81f, 0x2b820...0x2ceaf,
      0xf900...0xfaff, 0x2f800...0x2fa1f:
      true
    default: false
    }
  }
}
