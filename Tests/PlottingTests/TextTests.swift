import Analysis
import Foundation
import Images
import Plotting
import TestSupport
import Testing

/// Text in figures shows what was written.
@Suite struct TextTests {
  private func drawn(_ text: String, font: String = "DejaVuSans.ttf") throws -> String {
    Fonts.drawn(text, with: try Fonts.find(font))
  }

  private func figure(_ caption: String) throws -> PixelImage {
    let panel = Panel(PixelImage(width: 96, height: 48, red: 90, green: 140, blue: 90)).captioned(caption)
    return try Grid([[panel]], title: caption, panelWidth: 300).image()
  }

  @Test(arguments: [
    "🦊", "👨‍👩‍👧‍👦", "👍🏽", "🇩🇪", "❤️‍🔥", "中", "한", "नि", "𝔸", "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e007f}",
  ])
  func aCharacterThatTheFontLacksIsOneBox(character: String) throws {
    for font in ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"] {
      #expect(try drawn("a \(character) b", font: font) == "a □ b")
    }
    #expect(try figure("a \(character) b") == figure("a □ b"))
    #expect(try figure("a \(character) b") != figure("a b"))
  }

  @Test func charactersOfTheFontAreKept() throws {
    for text in ["plain", "Zürich, Łódź, Ångström", "α β γ → ∞ ≤ ½ €", "Привет", "☀ ♥ ♪", "“quoted” – dash…"] {
      #expect(try drawn(text) == text)
    }
    #expect(try drawn("☀️ ❤️") == "☀ ❤")
    #expect(try drawn("a 1\u{fe0f}\u{20e3} b") == "a □ b")
    #expect(try drawn("zero\u{200b}width\u{feff}") == "zerowidth")
    #expect(try drawn("a\tb\u{7f}c") == "a b c")
  }

  @Test(arguments: ["R&amp;D", "&#65;", "&lt;x&gt;", "&", "a && b", "&eacute;", "&#x41;", "&nosuch;"])
  func entitiesAreDrawnAsWritten(text: String) throws {
    #expect(try drawn(text) == text.split(separator: "&", omittingEmptySubsequences: false).joined(separator: "&amp;"))
  }

  @Test func anEntityTakesTheRoomOfItsLetters() throws {
    // 'R&amp;D' is wider than 'R&D', which it would be if it were decoded.
    let table = { (text: String) in try Table(columns: [text], widths: [80], rows: []).image() }
    #expect(try table("R&amp;D") != table("R&D"))
    #expect(try table("&#65;") != table("A"))
  }

  @Test func accentsAreComposedAndStayWithTheirLetters() throws {
    #expect(try drawn("e\u{301}a\u{308}") == "éä")
    #expect(try drawn("x\u{302}y") == "x\u{302}y")
    #expect(try figure("Cafe\u{301}") == figure("Café"))
    #expect(try drawn("שָׁלוֹם") == String("שָׁלוֹם".precomposedStringWithCanonicalMapping.reversed()))
  }

  /// Letters in the order in which they stand on the line, from left to right.
  @Test(arguments: [
    ("אבג", "גבא"), ("cat אבג dog", "cat גבא dog"), ("אבג cat דהו", "והד cat גבא"), ("אב (גד)", "(דג) בא"),
    ("אב 12 גד", "דג 12 בא"), ("אב 1.5", "1.5 בא"), ("a אב 12", "a 12 בא"), ("12 אב", "בא 12"),
    ("x = אב, 3", "x = 3 ,בא"),
    ("abc (12)", "abc (12)"), ("אבג!", "!גבא"), ("12%", "12%"),
  ])
  func lettersFromRightToLeftAreInTheirOrder(text: String, expected: String) throws {
    #expect(try drawn(text) == expected)
  }

  /// Arabic letters have the forms that join them: س and ل and ا of سلام, of which the last two are one sign.
  @Test func arabicLettersAreJoined() throws {
    #expect(try drawn("سلام") == "\u{fee1}\u{fefc}\u{feb3}")
    #expect(try drawn("باب") == "\u{fe8f}\u{fe8e}\u{fe91}")
    #expect(try drawn("لا") == "\u{fefb}")
    #expect(try drawn("کتاب") == "\u{fe8f}\u{fe8e}\u{fe98}\u{fb90}")
    // Zero-width non-joiner.
    #expect(try drawn("می\u{200c}ر") == "\u{fead}\u{fbfd}\u{fee3}")
    #expect(try drawn("a ب b") == "a \u{fe8f} b")
  }
}
