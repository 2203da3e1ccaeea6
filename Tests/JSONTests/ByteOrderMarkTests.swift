import JSON
import TestSupport
import Testing

@Suite struct ByteOrderMarkTests {
  @Test func aMarkAtTheBeginningIsSkipped() throws {
    let folder = try TemporaryFolder()
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    #expect(try JSONNode.read(folder.write(mark + Array(#"{"a": 1}"#.utf8), as: "a.json"))["a"].int() == 1)
    #expect(try JSONValue.parse("\u{feff}[2]", name: "text") == [2])
    // Only the first one, and only at the beginning.
    for text in ["\u{feff}\u{feff}[2]", "[2]\u{feff}", "[\u{feff}2]", "\u{feff}"] {
      #expect(throws: JSONError.self) { try JSONValue.parse(text, name: "text") }
    }
    // Errors count lines and columns without the mark.
    let error = #expect(throws: JSONError.self) { try JSONValue.parse("\u{feff}{\"a\": x}", name: "text") }
    #expect("\(try #require(error))".contains("line 1, column 7"))
  }

  @Test func textInUTF16IsNamed() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([0xff, 0xfe, 0x7b, 0, 0x7d, 0], as: "a.json")
    let error = #expect(throws: JSONError.self) { try JSONNode.read(path) }
    #expect("\(try #require(error))".contains("UTF-16"))
  }
}
