import Analysis
import Foundation
import Models
import Tensors

extension Pipeline {
  /// The piece of text that each token of a prompt stands for, without start and end tokens.
  public func pieces(of prompt: String) -> [String] {
    let tokenizer = text[0].tokenizer
    return tokenizer.pieces(of: tokenizer.tokens(of: prompt))
  }

  /// The columns of each subject's image tokens in subject attention; the dummy tokens come first.
  public func columns(of scene: Scene) -> SubjectColumns {
    SubjectColumns(dummies: adapter?.dummies ?? 0, tokens: adapter?.tokens ?? 0, subjects: scene.subjects.count)
  }

  /// The conditions `a`, with one part blended with the same part of the conditions `b`.
  /// - Parameters:
  ///   - part: The part to blend.
  ///   - subject: Index of the only subject whose part is blended; nil: all subjects. Ignored for text.
  ///   - scene: The scene of `a`. New subject tokens are made with its boxes.
  ///   - blend: Returns a tensor between its two arguments, as `Interpolation` does.
  /// - Throws: `PipelineError.invalid` if image features or subject tokens of `a` and `b` differ in shape, as they do
  ///   for different numbers of subjects; `AnalysisError.notRecorded` if the scene has no such subject.
  public func blended(
    _ a: Conditions, with b: Conditions, in part: ConditionPart, ofSubject subject: Int? = nil, scene: Scene,
    _ blend: (Tensor, Tensor) -> Tensor
  ) throws -> Conditions {
    if let subject { try AnalysisError.require([subject], in: 0..<scene.subjects.count, kind: "subject of the scene") }
    for (name, one, other) in [
      ("image features", a.imageFeatures.shape, b.imageFeatures.shape),
      ("subject tokens", a.subjectTokens.shape, b.subjectTokens.shape),
    ] where one != other {
      throw PipelineError.invalid(
        "the shape of the \(name)", found: "\(one) in one scene and \(other) in the other",
        expected: "the same number of subjects in both scenes")
    }
    func rows(_ x: Tensor, _ y: Tensor) -> Tensor {
      Tensor.concatenated(
        (0..<x.shape[0]).map { index in
          let (one, other) = (x.sliced(axis: 0, index..<index + 1), y.sliced(axis: 0, index..<index + 1))
          return subject == nil || subject == index ? blend(one, other) : one
        }, axis: 0)
    }
    var result = a
    switch part {
    case .imageFeatures:
      result.imageFeatures = rows(a.imageFeatures, b.imageFeatures)
      result.imageEmbeddings = rows(a.imageEmbeddings, b.imageEmbeddings)
      result.subjectTokens = try subjectTokens(of: scene, result)
    case .subjectTokens: result.subjectTokens = rows(a.subjectTokens, b.subjectTokens)
    case .text:
      result.text = blend(a.text, b.text)
      if a.pooled.count > 0 { result.pooled = blend(a.pooled, b.pooled) }
    }
    return result
  }
}

/// The parts of conditions that can be blended between two scenes.
public enum ConditionPart: String, Sendable, CaseIterable {
  /// The image encoder's output, from which new subject tokens are made with the first scene's phrases and boxes.
  case imageFeatures
  /// The tokens that the projector makes from images, phrases and boxes.
  case subjectTokens
  /// The text encoders' hidden states for the prompt, with the pooled embedding.
  case text
}
