import Checkpoints
import Foundation
import JSON

/// The contents of a published CLIP tokenizer's files. There are two layouts: `vocab.json` and `merges.txt`, or one
/// `tokenizer.json`, as transformers 5 saves it. If a folder has `vocab.json` as well as `tokenizer.json`, vocabulary
/// and merges are read as in the first layout.
struct TokenizerFiles {
  /// The ID of each token of the vocabulary, without added tokens.
  private(set) var vocabulary: [String: Int] = [:]
  /// The pairs to merge, each as two pieces separated by one space, in order of priority.
  private(set) var merges: [String] = []
  /// Texts that are always one token: the special tokens, and tokens that were added later.
  private(set) var added: [AddedToken] = []
  /// The text of each special token, by its key, such as `bos_token`.
  private(set) var special: [String: String]
  /// The file that has the vocabulary, for messages.
  let vocabularyFile: String
  /// Texts of the tokens whose flags are given together with their IDs. If such a text is also listed as a special
  /// token, its flags do not change.
  private var described: Set<String> = []

  /// The keys of special tokens in the order in which transformers adds them. If several keys have the same text, the
  /// last one decides on its flags.
  private static let specialKeys = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]
  private static let published = ["bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"]

  /// - Throws: ``TokenizerError`` for a missing or malformed file; `JSONError` for a file that is not valid JSON.
  init(_ files: TokenizerFolder) throws {
    func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: file) }
    let whole = exists(files.whole) ? try JSONNode.read(files.whole) : nil
    special = Self.published
    (special["unk_token"], special["pad_token"]) = (Self.published["eos_token"], Self.published["eos_token"])
    if whole == nil || exists(files.vocabulary), exists(files.vocabulary) || exists(files.merges) {
      for file in [files.vocabulary, files.merges] where !exists(file) {
        throw TokenizerError.missing(folder: files.path, file: (file as NSString).lastPathComponent)
      }
      vocabularyFile = files.vocabulary
      vocabulary = try Self.vocabulary(JSONNode.read(files.vocabulary))
      merges = try Self.merges(file: files.merges)
    } else if let whole {
      vocabularyFile = files.whole
      try readModel(whole["model"])
    } else {
      throw TokenizerError.missing(folder: files.path, file: (files.vocabulary as NSString).lastPathComponent)
    }
    if exists(files.addedTokens) {
      let node = try JSONNode.read(files.addedTokens)
      for text in try node.keys() { add(AddedToken(text: text, id: try Self.id(node[text]))) }
    }
    if let whole, whole["added_tokens"].isPresent {
      for entry in try whole["added_tokens"].array() { try describe(entry, id: Self.id(entry["id"])) }
    }
    try readSpecial(files, exists: exists)
  }

  // MARK: Vocabulary and merges

  private static func vocabulary(_ node: JSONNode) throws -> [String: Int] {
    var vocabulary: [String: Int] = [:]
    for key in try node.keys() { vocabulary[key] = try id(node[key]) }
    return vocabulary
  }

  private static func id(_ node: JSONNode) throws -> Int {
    let id = try node.int()
    guard isID(id) else { throw node.mismatch("a token ID from 0 to \(Int32.max)") }
    return id
  }

  private static func isID(_ number: Int) -> Bool { (0...Int(Int32.max)).contains(number) }

  private static func merges(file: String) throws -> [String] {
    guard let bytes = FileManager.default.contents(atPath: file), var text = String(validating: bytes, as: UTF8.self)
    else {
      throw TokenizerError.malformed(
        file: file, place: "the whole file", expected: "UTF-8 text",
        found: "other bytes, or a file that cannot be read")
    }
    if let foreign = bytes.withUnsafeBytes({ ForeignContents(of: $0) }) {
      throw TokenizerError.malformed(file: file, place: "the whole file", expected: "merges", found: "\(foreign)")
    }
    if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
    var merges: [String] = []
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in lines.enumerated() {
      if line.isEmpty || line.hasPrefix("#version") { continue }
      guard isPair(line) else {
        throw TokenizerError.malformed(
          file: file, place: "line \(index + 1)", expected: "two pieces separated by one space",
          found: "'\(line.prefix(60))'")
      }
      merges.append(String(line))
    }
    return merges
  }

  private static func isPair(_ line: some StringProtocol) -> Bool {
    line.utf8.count { $0 == 0x20 } == 1 && line.first != " " && line.last != " "
  }

  /// Reads `model` of a `tokenizer.json`.
  private mutating func readModel(_ model: JSONNode) throws {
    func check(_ key: String, _ expected: String) throws {
      guard model[key].isPresent else { return }
      let found = try model[key].string()
      guard found == expected else {
        throw TokenizerError.malformed(
          file: vocabularyFile, place: "model.\(key)", expected: "'\(expected)', as CLIP's tokenizers have it",
          found: "'\(found)'")
      }
    }
    try check("type", "BPE")
    try check("end_of_word_suffix", "</w>")
    vocabulary = try Self.vocabulary(model["vocab"])
    for entry in try model["merges"].array() {
      // Older files have 'a b', newer ones ['a', 'b'].
      var merge = ""
      if case .array? = entry.value {
        merge = try entry.strings().joined(separator: " ")
      } else {
        merge = try entry.string()
      }
      guard Self.isPair(merge) else {
        throw TokenizerError.malformed(
          file: vocabularyFile, place: entry.location, expected: "two pieces without spaces",
          found: "'\(merge.prefix(60))'")
      }
      merges.append(merge)
    }
    if model["unk_token"].isPresent { special["unk_token"] = try model["unk_token"].string() }
  }

  // MARK: Special and added tokens

  private mutating func readSpecial(_ files: TokenizerFolder, exists: (String) -> Bool) throws {
    var sources: [JSONNode] = []
    if exists(files.configuration) {
      let configuration = try JSONNode.read(files.configuration)
      let decoder = configuration["added_tokens_decoder"]
      for key in decoder.isPresent ? try decoder.keys() : [] {
        guard let id = Int(key), Self.isID(id) else {
          throw TokenizerError.malformed(
            file: files.configuration, place: "added_tokens_decoder", expected: "token IDs as keys", found: "'\(key)'")
        }
        try describe(decoder[key], id: id)
      }
      sources.append(configuration)
    }
    // The map of special tokens is an older file: it counts only if there is no decoder.
    if exists(files.specialTokens), sources.first?["added_tokens_decoder"].isPresent != true {
      sources.append(try JSONNode.read(files.specialTokens))
    }
    for key in Self.specialKeys {
      guard let node = sources.last(where: { $0[key].isPresent })?[key] else { continue }
      try addSpecial(node, key: key)
    }
    for key in Self.specialKeys where special[key] != nil && !sources.contains(where: { $0[key].isPresent }) {
      try addSpecial(special[key] ?? "", entry: nil)
    }
    for node in sources {
      for key in ["additional_special_tokens", "extra_special_tokens"] {
        guard case .array? = node[key].value else { continue }
        for entry in try node[key].array() { try addSpecial(entry, key: nil) }
      }
    }
  }

  private mutating func addSpecial(_ node: JSONNode, key: String?) throws {
    let isEntry = node["content"].isPresent
    let text = try isEntry ? node["content"].string() : node.string()
    if let key { special[key] = text }
    try addSpecial(text, entry: isEntry ? node : nil)
  }

  /// Adds a special token. An entry says whether its text is normalised; a text without an entry is not. An additional
  /// special token without an ID gets the next free ID, as in transformers.
  private mutating func addSpecial(_ text: String, entry: JSONNode?) throws {
    guard !text.isEmpty, !described.contains(text) else { return }
    let known = vocabulary[text] ?? added.first { $0.text == text }?.id
    // A token with a key, such as `bos_token`, gets no new ID: ``CLIPTokenizer`` reports those that it needs.
    guard let id = known ?? (special.values.contains(text) ? nil : nextID) else { return }
    var token = AddedToken(text: text, id: id, isNormalized: false)
    if let entry { token.isNormalized = try entry["normalized"].bool(or: false) }
    if let entry { token.isWholeWord = try entry["single_word"].bool(or: false) }
    add(token)
  }

  private var nextID: Int { max(vocabulary.values.max() ?? -1, added.map(\.id).max() ?? -1) + 1 }

  /// Adds a token with its flags.
  private mutating func describe(_ entry: JSONNode, id: Int) throws {
    let text = try entry["content"].string()
    add(
      AddedToken(
        text: text, id: id, isNormalized: try entry["normalized"].bool(or: true),
        isWholeWord: try entry["single_word"].bool(or: false)))
    described.insert(text)
  }

  private mutating func add(_ token: AddedToken) {
    added.removeAll { $0.text == token.text }
    if !token.text.isEmpty { added.append(token) }
  }
}

/// A text that is always one token.
struct AddedToken: Sendable, Equatable {
  let text: String
  let id: Int
  /// Whether the token is looked for after the text is cleaned and lower-cased, and so in any case.
  var isNormalized = true
  /// Whether the token counts only where no letter, digit or underscore is next to it.
  var isWholeWord = false
}
