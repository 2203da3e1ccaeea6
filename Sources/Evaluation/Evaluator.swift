import Foundation
import JSON
import MSDiffusion
import Tensors
import TrainingData

/// How far a measurement is.
public struct EvaluationProgress: Sendable {
  /// The measure and what it is measured on.
  public let name: String
  /// Scenes done, and in all.
  public let done, total: Int
  /// nil before the first scenes are done.
  public let secondsLeft: Double?
}

/// Measures a model on numbered scenes, batch by batch: what is done lies in files, and is not done again.
public final class Evaluator {
  public let world: EmojiWorld
  public let judge: Judge
  private let folder: String?
  private let progress: (EvaluationProgress) -> Void

  /// - Parameters:
  ///   - folder: where rows are kept while a measurement runs; nil: in memory alone.
  ///   - progress: called at the beginning of a measure and after each batch.
  public init(world: EmojiWorld, folder: String? = nil, progress: @escaping (EvaluationProgress) -> Void = { _ in }) {
    (self.world, judge, self.folder, self.progress) = (world, Judge(world), folder, progress)
  }

  /// The rows of some scenes.
  ///
  /// - Parameters:
  ///   - name: of the measure; its file is named after it.
  ///   - settings: all that the rows depend on beside the scenes' numbers: model, steps and the like.
  ///   - count: how many scenes, the first that fit.
  ///   - batch: how many at a time, divided among the threads.
  /// - Throws: what the measure throws; `JSONError` where a file cannot be written.
  func rows(
    _ name: String, settings: JSONValue, scenes: TestScenes, count: Int, batch: Int,
    _ measure: @escaping @Sendable ([TestScene]) throws -> [SceneRow]
  ) throws -> [SceneRow] {
    let header = JSONValue.object([
      ("settings", settings), ("split", .string(scenes.split.rawValue)), ("seed", .string("\(scenes.seed)")),
      ("subjects", JSONValue(scenes.subjects)), ("worn", .bool(scenes.includesWorn)), ("size", JSONValue(scenes.size)),
    ])
    let file = "\(name)-\(scenes.split.rawValue).json".replacing(" ", with: "-")
    var ledger = Ledger(path: folder.map { $0 + "/" + file }, header: header)
    let indices = scenes.indices(count: count)
    let open = indices.filter { ledger.rows[$0] == nil }
    let start = ContinuousClock.now
    var done = 0
    func report() {
      let passed = (ContinuousClock.now - start).components
      let seconds = Double(passed.seconds) + Double(passed.attoseconds) * 1e-18
      progress(
        EvaluationProgress(
          name: "\(name), \(scenes.split.rawValue)", done: indices.count - open.count + done, total: indices.count,
          secondsLeft: done > 0 ? seconds / Double(done) * Double(open.count - done) : nil))
    }
    report()
    for first in stride(from: 0, to: open.count, by: batch) {
      let part = open[first..<min(first + batch, open.count)]
      try ledger.add(try Self.divided(part.map { scenes[$0] }, measure))
      done += part.count
      report()
    }
    return indices.compactMap { ledger.rows[$0] }
  }

  /// Measures part of the scenes on each thread: small models gain more from that than from dividing each operation.
  private static func divided(
    _ scenes: [TestScene], _ measure: @escaping @Sendable ([TestScene]) throws -> [SceneRow]
  ) throws -> [SceneRow] {
    let threads = min(threadCount, scenes.count)
    let parts = (0..<threads).map { Array(scenes[scenes.count * $0 / threads..<scenes.count * ($0 + 1) / threads]) }
    return try onThreads(threads) { part in
      withoutThreads { Result { try measure(parts[part]) } }
    }.flatMap { try $0.get() }
  }
}
