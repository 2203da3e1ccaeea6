import Foundation
import JSON
import Models
import TestSupport
import Testing

/// Tokenizers as they are published today and as users change them. The IDs are those of transformers 5.24.
@Suite struct TokenizerFilesTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"] {
      let golden = URL(fileURLWithPath: Golden.path("pipeline/tokenizer/" + name)).resolvingSymlinksInPath().path
      try FileManager.default.copyItem(atPath: golden, toPath: folder.file(name))
    }
  }

  private func write(_ value: JSONValue, _ name: String) throws { try value.write(to: folder.file(name)) }

  private func change(_ entries: [(String, JSONValue)]) throws {
    guard case .object(var object)? = try JSONNode.read(folder.file("tokenizer_config.json")).value else { return }
    for (key, value) in entries { object[key] = value }
    try write(.object(object), "tokenizer_config.json")
  }

  private func tokens(_ text: String) throws -> [Int] { try CLIPTokenizer(folder: folder.path).tokens(of: text) }

  private func token(_ text: String, normalized: Bool, wholeWord: Bool = false) -> JSONValue {
    ["content": .string(text), "normalized": .bool(normalized), "single_word": .bool(wholeWord)]
  }

  /// Replaces vocabulary, merges and special tokens by one file.
  private func joinFiles(_ added: JSONValue?, mergesAsPairs: Bool = true) throws {
    let merges = String(decoding: try bytes(of: folder.file("merges.txt")), as: UTF8.self)
      .split(separator: "\n").filter { !$0.hasPrefix("#version") }
    let vocabulary = try JSONNode.read(folder.file("vocab.json")).value ?? .null
    let pairs = merges.map { line in
      mergesAsPairs
        ? JSONValue.array(line.split(separator: " ").map { .string(String($0)) }) : .string(String(line))
    }
    var file: [(String, JSONValue)] = [
      ("version", "1.0"),
      ("model", ["type": "BPE", "end_of_word_suffix": "</w>", "vocab": vocabulary, "merges": .array(pairs)]),
    ]
    if let added { file.append(("added_tokens", added)) }
    try write(.object(file), "tokenizer.json")
    for name in ["vocab.json", "merges.txt", "special_tokens_map.json"] {
      try FileManager.default.removeItem(atPath: folder.file(name))
    }
  }

  @Test(arguments: [true, false])
  func oneFileIsEnough(mergesAsPairs: Bool) throws {
    let text = "a Fox, 2 cafés & <|endoftext|>!"
    let before = try tokens(text)
    try joinFiles(nil, mergesAsPairs: mergesAsPairs)
    #expect(try tokens(text) == before)
    try FileManager.default.removeItem(atPath: folder.file("tokenizer_config.json"))
    #expect(try tokens(text) == before)
  }

  @Test func tokensAddedInOneFileAreFound() throws {
    try joinFiles([
      .object([("id", 49408)] + entries(token("<cat-toy>", normalized: true))),
      .object([("id", 49409)] + entries(token("New", normalized: false))),
    ])
    #expect(try tokens("my<cat-toy>x") == [607, 49408, 343])
    #expect(try tokens("<CAT-TOY> x") == [49408, 343])
    #expect(try tokens("xnewy new New") == [87, 1218, 344, 686, 49409])
  }

  private func entries(_ value: JSONValue) -> [(String, JSONValue)] {
    guard case .object(let object) = value else { return [] }
    return object.keys.map { ($0, object[$0] ?? .null) }
  }

  @Test func addedTokensHaveTheirNumbersInAnyCase() throws {
    try write(["<cat-toy>": 49408, "New": 49409], "added_tokens.json")
    let tokenizer = try CLIPTokenizer(folder: folder.path)
    #expect(tokenizer.tokens(of: "a  <cat-toy>  b") == [320, 49408, 321])
    #expect(tokenizer.tokens(of: "<CAT-TOY> x") == [49408, 343])
    #expect(tokenizer.tokens(of: "xnewy new NEW") == [343, 49409, 344, 49409, 49409])
    #expect(tokenizer.pieces(of: [49408, 343]) == ["<cat-toy>", "x"])
    #expect(tokenizer.greatestID == 49409)
  }

  @Test func theDecoderSaysHowTokensAreFound() throws {
    try change([
      (
        "added_tokens_decoder",
        [
          "49408": token("<cat-toy>", normalized: true),
          "49409": token("New", normalized: false, wholeWord: true),
        ]
      )
    ])
    #expect(try tokens("<CAT-TOY> x") == [49408, 343])
    #expect(try tokens("a <New> b") == [320, 283, 49409, 285, 321])
    #expect(try tokens("a <new> b") == [320, 283, 686, 285, 321])
    #expect(try tokens("xNewy") == tokens("xnewy"))
  }

  @Test func additionalSpecialTokensAreFoundOnlyAsTheyAreWritten() throws {
    try write(["<cat-toy>": 49408], "added_tokens.json")
    try change([("additional_special_tokens", ["<cat-toy>"])])
    #expect(try tokens("my<cat-toy>x") == [607, 49408, 343])
    #expect(try tokens("<CAT-TOY> x") == [283, 2368, 268, 5988, 285, 343])
  }

  /// The published files mark the start token as normalised. The end token is also the padding, which is a mere text
  /// there, and so is found only as it is written; the second tokenizer pads with "!".
  @Test func specialTokensInPromptsAreThoseOfThePublishedTokenizers() throws {
    let first = try CLIPTokenizer(folder: Golden.path("pipeline/tokenizer"))
    let second = try CLIPTokenizer(folder: Golden.path("pipeline/tokenizer_2"))
    #expect(first.tokens(of: "<|ENDOFTEXT|> a") == [27, 347, 40786, 4160, 91, 285, 320])
    #expect(second.tokens(of: "<|ENDOFTEXT|> a") == [49407, 320])
    for tokenizer in [first, second] {
      #expect(tokenizer.tokens(of: "a <|StartOfText|> cat") == [320, 49406, 2368])
      #expect(tokenizer.tokens(of: "a<|endoftext|>b") == [320, 49407, 321])
      #expect(tokenizer.tokens(of: "<|endoftext|") == [27, 347, 40786, 4160, 347])
    }
    #expect(first.tokens(of: "hi!!! !") == [1883, 995, 256])
    #expect(second.tokens(of: "hi!!! !") == [1883, 0, 0, 0, 0])
  }

  /// With mere texts, no special token is normalised; the map counts if there is no decoder.
  @Test func theSpecialTokensMapCountsWithoutADecoder() throws {
    try write(
      [
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "!",
      ], "special_tokens_map.json")
    #expect(try tokens("a <|StartOfText|> cat") == [320, 27, 347, 993, 6659, 4160, 91, 285, 2368])
    #expect(try tokens("hi! a") == [1883, 0, 320])
    try change([("added_tokens_decoder", ["49407": token("<|endoftext|>", normalized: false)])])
    #expect(try tokens("hi! a") == [1883, 256, 320])
  }

  @Test func byteOrderMarksAndWindowsLineEndsAreRead() throws {
    let before = try tokens("a fox and a Car")
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    for name in ["vocab.json", "tokenizer_config.json"] {
      _ = try folder.write(mark + bytes(of: folder.file(name)), as: name)
    }
    let merges = try bytes(of: folder.file("merges.txt")).flatMap { $0 == 0x0a ? [0x0d, 0x0a] : [$0] }
    _ = try folder.write(mark + merges, as: "merges.txt")
    #expect(try tokens("a fox and a Car") == before)
  }

  @Test(arguments: [-1, Int(Int32.max) + 1, Int.max])
  func impossibleNumbersAreRefused(id: Int) throws {
    try write(.object([("<cat-toy>", JSONValue(id))]), "added_tokens.json")
    let error = #expect(throws: JSONError.self) { try CLIPTokenizer(folder: folder.path) }
    #expect("\(try #require(error))".contains("added_tokens.json: <cat-toy>"))
  }

  @Test func otherTokenizersAreRefusedByName() throws {
    try write(["model": ["type": "Unigram", "vocab": [:], "merges": []]], "tokenizer.json")
    for name in ["vocab.json", "merges.txt"] { try FileManager.default.removeItem(atPath: folder.file(name)) }
    let error = #expect(throws: TokenizerError.self) { try CLIPTokenizer(folder: folder.path) }
    #expect("\(try #require(error))".contains("'Unigram'"))
  }
}
