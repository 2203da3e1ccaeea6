import Analysis
import Models

extension Pipeline {
  /// A finder that looks for phrases by the scene's own rule.
  private func finder(for scene: Scene) -> PhraseFinder {
    PhraseFinder(
      tokenizer: text[0].tokenizer, mode: scene.findsPhrasesAsPublished ? .published : .counted,
      length: text[0].encoder.configuration.positions)
  }

  /// Prompt tokens of each subject's phrase, by the scene's own rule.
  /// - Throws: `PhraseError` if a phrase is not in the prompt, or is beyond the text encoder's last position.
  public func spans(of scene: Scene) throws -> [Range<Int>] {
    try finder(for: scene).spans(of: scene.phrases, in: scene.prompt).map { try $0.get() }
  }

  /// The tokens of the given words in a prompt.
  /// - Parameter occurrence: which occurrence of the words is meant, counted from 0.
  /// - Throws: `PhraseError` if the words do not occur often enough, or are beyond the text encoder's last position;
  ///   `AnalysisError.notRecorded` for a negative occurrence.
  public func span(of words: String, in prompt: String, occurrence: Int = 0) throws -> Range<Int> {
    let finder = PhraseFinder(tokenizer: text[0].tokenizer, length: text[0].encoder.configuration.positions)
    guard occurrence >= 0 else {
      throw AnalysisError.notRecorded(
        kind: "occurrence of '\(words)'", requested: [occurrence], available: "numbers from 0")
    }
    let repeated = [String](repeating: words, count: occurrence + 1)
    return try finder.spans(of: repeated, in: prompt)[occurrence].get()
  }

  /// Prompt tokens of each subject's phrase, or the reason why there are none. A missing phrase is an error if the
  /// scene's layout options need it and phrases are not found as published; otherwise it is a warning.
  func phraseSpans(of scene: Scene, warnings: inout [String]) throws -> [Result<Range<Int>, PhraseError>] {
    let needsSpans = scene.layout.pseudoLayout != nil || scene.layout.masksText
    let spans = finder(for: scene).spans(of: scene.phrases, in: scene.prompt)
    for case .failure(let error) in spans {
      if needsSpans, !scene.findsPhrasesAsPublished { throw error }
      warnings.append("\(error)")
    }
    if !scene.findsPhrasesAsPublished {
      warnings += finder(for: scene).overlaps(of: scene.phrases, in: scene.prompt).map(\.description)
    }
    return spans
  }
}
