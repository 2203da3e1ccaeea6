import Tensors
import TrainingData

/// Asks the judge to pick each subject out of a list of candidates.
package struct Recognition {
  let judge: Judge
  /// Number of candidates per subject, including its own identity.
  var count = 20

  package init(judge: Judge) { self.judge = judge }

  /// The candidates for a subject: its own identity first, then those of the scene's other subjects, then distractors
  /// from ``EmojiWorld/candidates(for:count:seed:)``.
  package func candidates(for subject: Int, of scene: TestScene) -> [Identity] {
    let own = scene.identities[subject]
    var result = [own] + scene.identities.filter { $0 != own }
    let picked = judge.world.candidates(for: own, count: count, seed: UInt64(scene.index))
    result += picked.filter { !result.contains($0) }
    return Array(result.prefix(count))
  }

  /// The judge's result for each subject of a scene, in an image `[3, H, W]`, 0…1.
  func subjects(of image: Tensor, _ scene: TestScene) -> [RecognisedSubject] {
    scene.sample.subjects.enumerated().map { index, subject in
      let candidates = candidates(for: index, of: scene)
      let similarities = judge.similarities(of: judge.view(of: image, in: subject.box), to: candidates)
      let nearest = candidates[similarities.indices.max { similarities[$0] < similarities[$1] } ?? 0]
      let own = candidates[0]
      return RecognisedSubject(
        isNearest: nearest == own, likeness: similarities[0], kindIsRight: nearest.kind == own.kind,
        hueIsRight: nearest.hue == own.hue, isTakenForOther: nearest != own && scene.identities.contains(nearest))
    }
  }
}

extension Evaluator {
  /// The judge's results on the rendered scenes themselves, one row per scene. They show how often the judge errs if a
  /// subject is drawn perfectly; a model's images can still score higher.
  /// - Throws: an error from the file system or `JSONError` if the file with the rows cannot be written.
  public func judgeCeiling(_ scenes: TestScenes, count: Int) throws -> [RecognitionRow] {
    let recognition = Recognition(judge: judge)
    return try rows("judge ceiling \(scenes.subjects)", settings: [:], scenes: scenes, count: count, batch: 20) {
      batch in
      batch.map { RecognitionRow(scene: $0.index, subjects: recognition.subjects(of: $0.image, $0)) }
    }
  }
}
