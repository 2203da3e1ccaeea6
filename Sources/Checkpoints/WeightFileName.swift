/// The parts of a weight file's published name: stem, variant, kind of content, ending.
///
/// diffusers and transformers have named the same files differently over time. For the variant fp16 of a model in two
/// shards, the first shard is `model.fp16-00001-of-00002.safetensors` today and was
/// `model-00001-of-00002.fp16.safetensors` before; the index is `model.safetensors.index.fp16.json`, sometimes
/// `model.fp16.safetensors.index.json`.
struct WeightFileName {
  enum Content: Equatable {
    /// All weights in one file.
    case whole
    /// The list of the files that hold the weights.
    case index
    /// One of several files.
    case shard
  }

  let name: String
  let stem: String
  let ending: String
  /// The variant, such as `fp16`; nil: none.
  let variant: String?
  let content: Content

  /// - Returns: nil for a name that no published weight file has.
  init?(_ name: String) {
    var words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    var variants: [String] = []
    var isIndex = false
    if words.last == "json" {
      words.removeLast()
      // `index` is the last word, or the variant follows it.
      if words.last != "index", words.count > 2, words[words.count - 2] == "index" {
        variants.append(words.removeLast())
      }
      guard words.last == "index" else { return nil }
      words.removeLast()
      isIndex = true
    }
    guard words.count >= 2, let ending = words.popLast(), WeightNames.endings.contains(ending) else { return nil }
    var isShard = false
    words = words.map { word in
      guard let first = Self.withoutShard(word) else { return word }
      isShard = true
      return first
    }
    let stem = words.removeFirst()
    variants += words
    guard WeightNames.all.contains(stem), variants.allSatisfy({ !$0.isEmpty }), !(isIndex && isShard) else {
      return nil
    }
    (self.name, self.stem, self.ending) = (name, stem, ending)
    variant = variants.isEmpty ? nil : variants.joined(separator: ".")
    content = isIndex ? .index : isShard ? .shard : .whole
  }

  /// A word without `-00001-of-00002` at its end; nil if it has no such end.
  private static func withoutShard(_ word: String) -> String? {
    let parts = word.split(separator: "-", omittingEmptySubsequences: false)
    func isNumber(_ text: Substring) -> Bool { !text.isEmpty && text.allSatisfy { $0.isASCII && $0.isNumber } }
    guard parts.count >= 4, isNumber(parts[parts.count - 1]), parts[parts.count - 2] == "of",
      isNumber(parts[parts.count - 3])
    else { return nil }
    return parts.dropLast(3).joined(separator: "-")
  }
}
