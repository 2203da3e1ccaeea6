import Tensors
import TrainingData

/// Whether the judge recognises the subjects of an image, each among its own candidates.
package struct Recognition {
  let judge: Judge
  /// Candidates per subject, including the subject itself.
  var count = 20

  package init(judge: Judge) { self.judge = judge }

  /// A subject's candidates: itself, the others of its scene, then those of ``EmojiWorld/candidates(for:count:seed:)``.
  package func candidates(for subject: Int, of scene: TestScene) -> [Identity] {
    let own = scene.identities[subject]
    var result = [own] + scene.identities.filter { $0 != own }
    let picked = judge.world.candidates(for: own, count: count, seed: UInt64(scene.index))
    result += picked.filter { !result.contains($0) }
    return Array(result.prefix(count))
  }

  /// The judge's results on an image `[3, H, W]`, 0…1, of a scene: lists with one number per subject.
  ///
  /// `recognised`: 1 if its own identity is the nearest. `likeness`: similarity to its own identity. `kind`: 1 if the
  /// nearest has its kind, in any hue. `hue`: 1 if the nearest has its hue. `swapped`: 1 if the nearest is another
  /// subject of the scene.
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
  /// The judge's own ceiling: it judges drawn scenes in place of generated images.
  public func judgeCeiling(_ scenes: TestScenes, count: Int) throws -> [SceneRow] {
    let recognition = Recognition(judge: judge)
    return try rows("judge ceiling \(scenes.subjects)", settings: [:], scenes: scenes, count: count, batch: 20) {
      batch in
      batch.map { SceneRow(scene: $0.index, values: recognition.values($0.image, $0)) }
    }
  }
}
