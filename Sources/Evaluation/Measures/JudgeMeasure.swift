import Tensors
import TrainingData

/// Whether the subjects of an image are recognised: each among candidates of its own.
package struct Recognition {
  let judge: Judge
  /// Candidates per subject, itself included.
  var count = 20

  package init(judge: Judge) { self.judge = judge }

  /// A subject's candidates: itself, the others of its scene, then what ``EmojiWorld/candidates(for:count:seed:)`` picks.
  package func candidates(for subject: Int, of scene: TestScene) -> [Identity] {
    let own = scene.identities[subject]
    var result = [own] + scene.identities.filter { $0 != own }
    let picked = judge.world.candidates(for: own, count: count, seed: UInt64(scene.index))
    result += picked.filter { !result.contains($0) }
    return Array(result.prefix(count))
  }

  /// What the judge says of an image `[3, H, W]`, 0…1, made after a scene: lists with one number per subject.
  ///
  /// `recognised`: 1 where its own identity is the nearest. `likeness`: similarity to its own identity. `kind`: 1 where the
  /// nearest is of its kind, in whatever hue. `hue`: 1 where the nearest has its hue. `swapped`: 1 where the nearest is
  /// another subject of the scene.
  func values(_ image: Tensor, _ scene: TestScene) -> [String: [Double]] {
    var values: [String: [Double]] = [:]
    for (index, subject) in scene.sample.subjects.enumerated() {
      let view = judge.view(of: image, in: subject.box)
      let candidates = candidates(for: index, of: scene)
      let similarities = judge.similarities(of: view, to: candidates)
      let nearest = candidates[similarities.indices.max { similarities[$0] < similarities[$1] } ?? 0]
      let own = candidates[0]
      values["recognised", default: []].append(nearest == own ? 1 : 0)
      values["likeness", default: []].append(similarities[0])
      values["kind", default: []].append(nearest.kind == own.kind ? 1 : 0)
      values["hue", default: []].append(nearest.hue == own.hue ? 1 : 0)
      values["swapped", default: []].append(nearest != own && scene.identities.contains(nearest) ? 1 : 0)
    }
    return values
  }
}

extension Evaluator {
  /// The judge's own ceiling: drawn scenes in place of generated ones, judged in the same way.
  public func judgeCeiling(_ scenes: TestScenes, count: Int) throws -> [SceneRow] {
    let recognition = Recognition(judge: judge)
    return try rows("judge ceiling \(scenes.subjects)", settings: [:], scenes: scenes, count: count, batch: 20) {
      batch in
      batch.map { SceneRow(scene: $0.index, values: recognition.values($0.image, $0)) }
    }
  }
}
