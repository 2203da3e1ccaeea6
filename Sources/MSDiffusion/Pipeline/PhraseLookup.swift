import Foundation
import Models

extension Pipeline {
  /// Whether the scene cannot do without knowing where its phrases are in the prompt.
  private func needsSpans(_ scene: Scene) -> Bool {
    scene.layout.pseudoLayout != nil || scene.layout.masksText
  }

  /// Prompt tokens of each subject's phrase; where a phrase is not in the prompt, an error if the scene needs it, else a
  /// warning and an empty range.
  func phraseSpans(of scene: Scene, warnings: inout [String]) throws -> [Range<Int>] {
    let finder = PhraseFinder(
      tokenizer: text[0].tokenizer, mode: scene.findsPhrasesAsPublished ? .published : .counted,
      length: text[0].encoder.configuration.positions)
    return try finder.spans(of: scene.phrases, in: scene.prompt).map { found in
      switch found {
      case .success(let span): return span
      case .failure(let error):
        if needsSpans(scene), !scene.findsPhrasesAsPublished { throw error }
        warnings.append("\(error)")
        return 0..<0
      }
    }
  }
}
