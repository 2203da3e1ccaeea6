import Foundation
import JSON
import TestSupport
import Testing

@Suite struct JSONParserTests {
  @Test func readsEveryKindOfValue() throws {
    let value = try JSONValue.parse(
      #" { "a": [1, -2.5e2, true, null, "x\n\u00e9\ud83d\ude00"], "b": {}, "z": -9223372036854775808, "c": [] } "#,
      name: "t")
    #expect(
      value
        == .object([
          ("a", [1, -250.0, true, .null, "x\né😀"]), ("b", .object(JSONObject())), ("z", .integer(.min)), ("c", []),
        ]))
    #expect(try JSONValue.parse("7", name: "t") == 7)
    #expect(try JSONValue.parse("\"\"", name: "t") == "")
    #expect(try JSONValue.parse("0.25", name: "t") == 0.25)
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "[1 2]", "{\"a\":1,}", "{'a':1}", "{a:1}", "// x\n1", "1 2", "[01]", "[+1]", "[.5]", "[1.]",
    "NaN", "[Infinity]", "-", "[1e]", "1e400", "9223372036854775808", "\"\u{1}\"", "\"\\x\"", "\"\\ud800\"",
    "\"\\udc00\"", "\"abc", "tru", "[true", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "nul", "[\u{feff}1]", "{\"\\u0000\":1}",
  ])
  func refusesWhatIsNotStrict(text: String) {
    #expect(throws: JSONError.self) { try JSONValue.parse(text, name: "t") }
  }

  @Test func refusesDuplicateKeysWhereverTheyAre() {
    #expect(throws: JSONError.duplicateKey(name: "t", line: 2, column: 8, key: "a")) {
      try JSONValue.parse("[0,\n{\"a\":1,\"\\u0061\":2}]", name: "t")
    }
  }

  @Test func refusesInvalidUTF8() {
    #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0xff, 0x22], name: "t") }
  }

  @Test func depthIsLimited() throws {
    let text = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSONValue.parse(text(64), name: "t")
    #expect(throws: JSONError.tooDeep(name: "t", limit: 64)) { try JSONValue.parse(text(65), name: "t") }
    #expect(throws: JSONError.tooDeep(name: "t", limit: 64)) { try JSONValue.parse(text(1_000_000), name: "t") }
  }

  @Test func numberOfValuesIsLimited() {
    let text = "[" + String(repeating: "0,", count: JSONValue.valueLimit) + "0]"
    #expect(throws: JSONError.tooMany(name: "t", limit: JSONValue.valueLimit)) { try JSONValue.parse(text, name: "t") }
  }

  @Test func pipesAndFoldersAreRefused() throws {
    let folder = try TemporaryFolder()
    // Reading a pipe would block forever.
    #expect(mkfifo(folder.file("pipe.json"), 0o600) == 0)
    for path in [folder.file("pipe.json"), folder.path] {
      #expect(throws: JSONError.file(path: path, reason: "expected a JSON file, found a folder or device")) {
        try JSONNode.read(path)
      }
    }
  }

  @Test func textRoundTrips() throws {
    let value: JSONValue = .object([
      ("numbers", [1, 2.5, -3e-7]), ("nested", [["a": "\"\\\n\u{2}é"], []]), ("none", .null), ("yes", true),
    ])
    for pretty in [false, true] {
      #expect(try JSONValue.parse(value.text(pretty: pretty), name: "t") == value)
    }
    #expect(value.text() == value.text())
  }

  @Test func typedReadingNamesFileAndLocation() throws {
    let node = JSONNode(try JSONValue.parse(#"{"a": {"b": [1, "x", 2.0]}, "n": null}"#, name: "f.json"), name: "f.json")
    #expect(try node["a"]["b"][2].int() == 2)
    #expect(try node["n"].int(or: 5) == 5)
    #expect(!node["n"].isPresent)
    #expect(
      throws: JSONError.wrongType(location: "f.json: a.b[1]", expected: "a whole number", found: "the string 'x'")
    ) {
      try node["a"]["b"].ints()
    }
    #expect(throws: JSONError.wrongType(location: "f.json: a.c", expected: "a string", found: "nothing")) {
      try node["a"]["c"].string()
    }
    #expect(throws: JSONError.self) { try node["a"]["b"][1].int(or: 3) }
  }

  @Test func rangesRoundTripAndMustNotBeReversed() throws {
    for range: ClosedRange<Float> in [0.5...5, 0...Float.infinity, -Float.infinity...1, 2...2] {
      #expect(try ClosedRange<Float>(json: JSONNode(JSONValue(range), name: "f.json")) == range)
    }
    for wrong: JSONValue in [[2, 1], [1], [1, 2, 3], .null, 3] {
      #expect(throws: JSONError.self, "\(wrong)") { try ClosedRange<Float>(json: JSONNode(wrong, name: "f.json")) }
    }
  }

  @Test func unknownKeysAreErrorsThatNameSimilarOnes() throws {
    struct Pair: Equatable {
      var height = 1
      var width: Int?
      static var fields: [JSONField<Pair>] { [JSONField("height", \.height), JSONField("width", \.width)] }
    }
    func read(_ value: JSONValue) throws -> Pair {
      var pair = Pair()
      try JSONNode(value, name: "f.json").read(into: &pair, Pair.fields)
      return pair
    }
    #expect(try read(["width": 3]) == Pair(height: 1, width: 3))
    #expect(try read(JSONValue(Pair(), Pair.fields)) == Pair())
    for (key, near) in [("hight", "is it height?"), ("widht", "is it width?"), ("depth", "expected height, width")] {
      let error = #expect(throws: JSONError.unknownKey(location: "f.json", key: key, known: ["height", "width"])) {
        try read(.object([(key, JSONValue(3))]))
      }
      #expect("\(try #require(error))".contains(near))
    }
    #expect(throws: JSONError.wrongType(location: "f.json: height", expected: "a value or no entry", found: "null")) {
      try read(["height": .null])
    }
  }

  @Test func missingFileIsNamed() {
    #expect(throws: JSONError.file(path: "no/such.json", reason: "expected a JSON file, found none that can be read")) {
      try JSONNode.read("no/such.json")
    }
  }
}
