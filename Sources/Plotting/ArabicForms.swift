/// The forms of Arabic letters, which depend on the letters beside them. libgd does not choose a letter's form, so each
/// letter is replaced by the character for its form (Unicode Standard, 9.2; Arabic Presentation Forms A and B).
enum ArabicForms {
  /// The character for each letter's isolated form. The characters after it are the final form and, for letters that
  /// join the one after them, the initial and the medial form.
  private static let joiningBoth: [UInt32: UInt32] = [
    0x626: 0xfe89, 0x628: 0xfe8f, 0x62a: 0xfe95, 0x62b: 0xfe99, 0x62c: 0xfe9d, 0x62d: 0xfea1, 0x62e: 0xfea5,
    0x633: 0xfeb1, 0x634: 0xfeb5, 0x635: 0xfeb9, 0x636: 0xfebd, 0x637: 0xfec1, 0x638: 0xfec5, 0x639: 0xfec9,
    0x63a: 0xfecd, 0x641: 0xfed1, 0x642: 0xfed5, 0x643: 0xfed9, 0x644: 0xfedd, 0x645: 0xfee1, 0x646: 0xfee5,
    0x647: 0xfee9, 0x64a: 0xfef1, 0x679: 0xfb66, 0x67e: 0xfb56, 0x686: 0xfb7a, 0x6a9: 0xfb8e, 0x6af: 0xfb92,
    0x6c1: 0xfba6, 0x6cc: 0xfbfc,
  ]
  private static let joiningTheOneBefore: [UInt32: UInt32] = [
    0x622: 0xfe81, 0x623: 0xfe83, 0x624: 0xfe85, 0x625: 0xfe87, 0x627: 0xfe8d, 0x629: 0xfe93, 0x62f: 0xfea9,
    0x630: 0xfeab, 0x631: 0xfead, 0x632: 0xfeaf, 0x648: 0xfeed, 0x649: 0xfeef, 0x688: 0xfb88, 0x691: 0xfb8c,
    0x698: 0xfb8a, 0x6ba: 0xfb9e, 0x6d2: 0xfbae,
  ]
  /// The ligature of lam and each kind of alef in its isolated form; the character after it is the final form.
  private static let lamAlef: [UInt32: UInt32] = [0x622: 0xfef5, 0x623: 0xfef7, 0x625: 0xfef9, 0x627: 0xfefb]
  private static let lam: UInt32 = 0x644
  /// The line that lengthens the joint between two letters.
  private static let tatweel: UInt32 = 0x640

  /// Whether a letter joins the one after it.
  static func joinsNext(_ letter: UInt32) -> Bool { joiningBoth[letter] != nil || letter == tatweel }

  /// Whether a letter joins the one before it.
  static func joinsPrevious(_ letter: UInt32) -> Bool { joinsNext(letter) || joiningTheOneBefore[letter] != nil }

  /// The ligature of lam and an alef; nil for any other two letters.
  static func ligature(_ first: UInt32, _ second: UInt32, isJoined: Bool) -> UInt32? {
    first == lam ? lamAlef[second].map { isJoined ? $0 + 1 : $0 } : nil
  }

  /// A letter's form; nil if it has only one.
  /// - Parameters:
  ///   - afterLetter: Whether the letter before it joins it.
  ///   - beforeLetter: Whether the letter after it joins it.
  static func form(_ letter: UInt32, afterLetter: Bool, beforeLetter: Bool) -> UInt32? {
    if let first = joiningBoth[letter] { return first + (afterLetter ? 1 : 0) + (beforeLetter ? 2 : 0) }
    return joiningTheOneBefore[letter].map { afterLetter ? $0 + 1 : $0 }
  }
}
