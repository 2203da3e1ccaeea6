import Models

extension Pipeline {
  /// The rule by which a scene's phrases are found in its prompt.
  private func finder(for scene: Scene) -> PhraseFinder {
    PhraseFinder(
      tokenizer: text[0].tokenizer, mode: scene.findsPhrasesAsPublished ? .published : .counted,
      length: text[0].encoder.configuration.positions)
  }

  /// Prompt tokens of each subject's phrase, by the scene's own rule.
  /// - Throws: `PhraseError` where a phrase is not in the prompt or beyond what the text encoder sees.
  public func spans(of scene: Scene) throws -> [Range<Int>] {
    try finder(for: scene).spans(of: scene.phrases, in: scene.prompt).map { try $0.get() }
  }

  /// Prompt tokens of any words of a prompt.
  /// - Parameter occurrence: which of several occurrences, counted from 0.
  /// - Throws: `PhraseError`.
  public func span(of words: String, in prompt: String, occurrence: Int = 0) throws -> Range<Int> {
    let finder = PhraseFinder(tokenizer: text[0].tokenizer, length: text[0].encoder.configuration.positions)
    let repeated = [String](repeating: words, count: occurrence + 1)
    return try finder.spans(of: repeated, in: prompt)[occurrence].get()
  }

  /// Where each subject's phrase is in the prompt. One that is not there is an error if the scene needs it, else a
  /// warning.
  func phraseSpans(of scene: Scene, warnings: inout [String]) throws -> [Result<Range<Int>, PhraseError>] {
    let needsSpans = scene.layout.pseudoLayout != nil || scene.layout.masksText
    let spans = finder(for: scene).spans(of: scene.phrases, in: scene.prompt)
    for case .failure(let error) in spans {
      if needsSpans, !scene.findsPhrasesAsPublished { throw error }
      warnings.append("\(error)")
    }
    return spans
  }
}
