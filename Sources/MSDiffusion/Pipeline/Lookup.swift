import Foundation
import Models
import Tensors

extension Pipeline {
  /// The pieces of text that a prompt's tokens stand for, start and end left out.
  public func pieces(of prompt: String) -> [String] {
    let tokenizer = text[0].tokenizer
    return tokenizer.pieces(of: tokenizer.tokens(of: prompt))
  }

  /// Columns of each subject's image tokens in subject attention; the dummy tokens come first.
  public func columns(of scene: Scene) -> SubjectColumns {
    SubjectColumns(dummies: adapter?.dummies ?? 0, tokens: adapter?.tokens ?? 0, subjects: scene.subjects.count)
  }

  /// The conditions of one scene with some of them on the way to another's: subject by subject and part by part.
  /// - Parameters:
  ///   - part: What is interpolated.
  ///   - subject: Which subject; nil for all. Text has none.
  ///   - blend: Gives the tensor between two, as `Interpolation` does.
  /// - Throws: `PipelineError.invalid` where the two scenes differ in their number of subjects.
  public func blended(
    _ a: Conditions, _ b: Conditions, _ part: ConditionPart, subject: Int? = nil, scene: Scene,
    _ blend: (Tensor, Tensor) -> Tensor
  ) throws -> Conditions {
    guard a.imageFeatures.shape == b.imageFeatures.shape, a.subjectTokens.shape == b.subjectTokens.shape else {
      throw PipelineError.invalid(
        "subjects of two scenes to blend", found: "\(a.subjectTokens.shape) and \(b.subjectTokens.shape)",
        expected: "as many in both")
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

/// What can be interpolated between two scenes.
public enum ConditionPart: String, Sendable, CaseIterable {
  /// The image encoder's states; phrases and boxes are those of the first scene.
  case imageFeatures
  /// What the resampler made of images, phrases and boxes.
  case subjectTokens
  /// The prompt's states.
  case text
}
