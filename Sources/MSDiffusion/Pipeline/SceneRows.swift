import Layers
import Models
import Tensors

/// The rows of a batch: the samples of all scenes. With guidance, an unconditional half of as many rows comes first.
struct SceneRows {
  /// The inputs to cross-attention: text, and subjects if any scene has subjects.
  let context: AttentionContext
  let added: AddedConditions?
  /// Where the subjects are; nil if no scene has subjects.
  let layout: SubjectLayout?

  init(_ batch: SceneBatch, _ conditions: [Conditions], pipeline: Pipeline, guides: Bool) {
    let scenes = batch.scenes
    /// One value per row. The functions return a scene's value from the scene's index; all samples of the scene get it.
    func rows<Value>(_ conditional: (Int) -> Value, _ unconditional: (Int) -> Value) -> [Value] {
      func half(_ value: (Int) -> Value) -> [Value] {
        scenes.indices.flatMap { index in Array(repeating: value(index), count: scenes[index].samples) }
      }
      return guides ? half(unconditional) + half(conditional) : half(conditional)
    }
    added =
      pipeline.denoiser.configuration.addedConditions == nil
      ? nil
      : AddedConditions(
        pooledText: .stacked(rows({ conditions[$0].pooled }, { conditions[$0].negativePooled }), axis: 0),
        timeIDs: .stacked(rows({ _ in batch.timeIDs }, { _ in batch.timeIDs }), axis: 0))
    let text = Tensor.stacked(rows({ conditions[$0].text }, { conditions[$0].negativeText }), axis: 0)
    var context = AttentionContext(text, for: pipeline.denoiser.crossAttentionLayers)
    guard let adapter = pipeline.adapter, scenes.contains(where: { !$0.subjects.isEmpty }) else {
      (self.context, layout) = (context, nil)
      return
    }
    let conditional = scenes.indices.map { SubjectRow(adapter, scene: scenes[$0], conditions: conditions[$0]) }
    let subjects = rows({ conditional[$0] }, { conditional[$0].unconditional })
    let options = batch.shared.layout
    let branch = SubjectBranch(adapter, rows: subjects, options: options)
    context.branches = [branch]
    if options.masksText { context.mask = PhraseMask(subjects, tokens: text.shape[1]) }
    (self.context, layout) = (context, branch.layout)
  }
}

extension SubjectRow {
  /// The conditional row of a scene.
  init(_ adapter: Adapter, scene: Scene, conditions: Conditions) {
    let tokens = conditions.subjectTokens
    let context =
      scene.subjects.isEmpty
      ? adapter.dummyContext
      : Tensor.concatenated(
        [adapter.dummyContext, tokens.reshaped([tokens.shape[0] * tokens.shape[1], tokens.shape[2]])], axis: 0)
    let scales = scene.subjects.compactMap(\.scale)
    self.init(
      context: context, boxes: scene.subjects.map(\.box), spans: conditions.spans, scale: scene.scale,
      subjectScales: scales.isEmpty ? nil : scales)
  }
}

extension Pipeline {
  /// A scene's inputs to multi-subject attention, for use outside a generation; nil without an adapter.
  package func subjectRow(of scene: Scene) throws -> SubjectRow? {
    try adapter.map { SubjectRow($0, scene: scene, conditions: try conditions(for: scene)) }
  }
}
