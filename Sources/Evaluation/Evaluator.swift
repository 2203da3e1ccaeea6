import Foundation
import JSON
import MSDiffusion
import Tensors
import TrainingData

/// Progress of a measurement.
public struct EvaluationProgress: Sendable {
  /// The measure and the split of its scenes.
  public let name: String
  /// Scenes done, and scenes in all.
  public let done, total: Int
  /// Nil before the first scenes are done.
  public let secondsLeft: Double?
}

/// Measures a model on numbered scenes, batch by batch. Finished rows are kept in files, so that an interrupted
/// measurement resumes after them.
public final class Evaluator {
  public let world: EmojiWorld
  public let judge: Judge
  private let folder: String?
  private let progress: (EvaluationProgress) -> Void

  /// - Parameters:
  ///   - folder: where finished rows are kept; nil: only in memory.
  ///   - progress: called at the beginning of a measure and after each batch.
  public init(world: EmojiWorld, folder: String? = nil, progress: @escaping (EvaluationProgress) -> Void = { _ in }) {
    (self.world, judge, self.folder, self.progress) = (world, Judge(world), folder, progress)
  }

  /// The rows of some scenes.
  ///
  /// - Parameters:
  ///   - name: name of the measure and of its file.
  ///   - settings: what the rows depend on besides the scenes: model, steps and so on.
  ///   - count: number of scenes; the first ones that fit are measured.
  ///   - batch: scenes per batch, divided among the threads.
  /// - Throws: what the measure throws; `JSONError` where a file cannot be written.
  func rows<Row: MeasuredRow>(
    _ name: String, settings: JSONValue, scenes: TestScenes, count: Int, batch: Int,
    _ measure: @escaping @Sendable ([TestScene]) throws -> [Row]
  ) throws -> [Row] {
    let header = JSONValue.object([
      ("settings", settings), ("split", .string(scenes.split.rawValue)), ("seed", .string("\(scenes.seed)")),
      ("subjects", JSONValue(scenes.subjects)), ("worn", .bool(scenes.includesWorn)), ("size", JSONValue(scenes.size)),
    ])
    let file = "\(name)-\(scenes.split.rawValue).json".replacing(" ", with: "-")
    var ledger = Ledger<Row>(path: folder.map { $0 + "/" + file }, header: header)
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

  /// Divides the scenes among the threads: for small models this is faster than dividing each operation.
  private static func divided<Row: MeasuredRow>(
    _ scenes: [TestScene], _ measure: @escaping @Sendable ([TestScene]) throws -> [Row]
  ) throws -> [Row] {
    let threads = min(threadCount, scenes.count)
    let parts = (0..<threads).map { Array(scenes[scenes.count * $0 / threads..<scenes.count * ($0 + 1) / threads]) }
    return try onThreads(threads) { part in
      withoutThreads { Result { try measure(parts[part]) } }
    }.flatMap { try $0.get() }
  }
}
