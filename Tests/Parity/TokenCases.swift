import Foundation
import JSON
import MSDiffusion
import Models

extension ParityFolder {
  /// `tokens.json`: the tokens of both tokenizers, and the token spans that the published code finds for phrases.
  func tokens() throws {
    let cases = try json("tokens.json")
    let tokenizers = try pipeline().text.map(\.tokenizer)
    for (index, prompt) in try (cases["prompts"].isPresent ? cases["prompts"].array() : []).enumerated() {
      let text = try prompt["prompt"].string()
      for (number, tokenizer) in tokenizers.enumerated() {
        let suffix = number == 0 ? "" : "_2"
        let name = "tokens.json: prompt \(index)\(suffix)"
        if prompt["ids" + suffix].isPresent {
          let ids = [tokenizer.startToken] + tokenizer.tokens(of: text) + [tokenizer.endToken]
          report.compare(name, ids, with: try prompt["ids" + suffix].ints())
        }
        if prompt["padded" + suffix].isPresent {
          let golden = try prompt["padded" + suffix].ints()
          report.compare(name + " padded", tokenizer.encode(text, length: golden.count).ids, with: golden)
        }
      }
    }
    let finder = PhraseFinder(tokenizer: tokenizers[0], mode: .published)
    for (index, item) in try (cases["phrases"].isPresent ? cases["phrases"].array() : []).enumerated() {
      let prompt = try item["prompt"].string()
      let match = finder.match(
        try item["phrase"].string(), in: prompt, occurrence: try item["num"].int(or: 0),
        lastWordOnly: try item["last_word"].bool(or: false))
      let name = "tokens.json: phrase \(index)"
      report.compare(name, [match?.span.lowerBound ?? 0, match?.span.upperBound ?? 0], with: try item["span"].ints())
      let words = item["words"].isPresent ? try item["words"].strings() : nil
      report.compare(name + " words", match?.words == words ? [1] : [0], with: [1])
      if item["eot"].isPresent {
        let words = prompt.split(whereSeparator: \.isWhitespace)
        let end = 1 + words.reduce(0) { $0 + tokenizers[0].tokens(of: String($1)).count }
        report.compare(name + " end of text", [end], with: [try item["eot"].int()])
      }
    }
    for (index, list) in try (cases["phrase_lists"].isPresent ? cases["phrase_lists"].array() : []).enumerated() {
      let found = finder.spans(of: try list["phrases"].strings(), in: try list["prompt"].string())
      let spans = found.flatMap { result -> [Int] in
        guard case .success(let span) = result else { return [0, 0] }
        return [span.lowerBound, span.upperBound]
      }
      report.compare("tokens.json: list \(index)", spans, with: try list["spans"].array().flatMap { try $0.ints() })
    }
  }
}
