import Foundation
import JSON
import MSDiffusion
import Tensors
import TrainingData

/// The progress of a measurement.
public struct EvaluationProgress: Sendable {
  /// The measure and the split of its scenes.
  public let name: String
  /// Number of scenes whose rows are finished, including those from an earlier run, and total number of scenes.
  public let done, total: Int
  /// Estimated time until all scenes are measured; nil before the first batch is done.
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
  ///   - folder: folder for finished rows, made if there is none; nil: rows are kept only in memory.
  ///   - progress: called at the beginning of a measure and after each batch.
  public init(world: EmojiWorld, folder: String? = nil, progress: @escaping (EvaluationProgress) -> Void = { _ in }) {
    (self.world, judge, self.folder, self.progress) = (world, Judge(world), folder, progress)
  }

  /// Measures scenes that have no rows yet, and returns the rows of all scenes.
  ///
  /// - Parameters:
  ///   - name: name of the measure and its file.
  ///   - settings: everything that the rows depend on besides the scenes, such as model and steps.
  ///   - scenes: the scenes to choose from.
  ///   - count: number of scenes to measure, the first ones of `scenes`.
  ///   - batch: number of scenes per batch, above 0; they are divided among the threads.
  /// - Throws: what the measure throws; an error from the file system or `JSONError` if a file cannot be written.
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
    let pending = indices.filter { ledger.rows[$0] == nil }
    let start = ContinuousClock.now
    var done = 0
    func report() {
      let passed = (ContinuousClock.now - start).components
      let seconds = Double(passed.seconds) + Double(passed.attoseconds) * 1e-18
      progress(
        EvaluationProgress(
          name: "\(name), \(scenes.split.rawValue)", done: indices.count - pending.count + done, total: indices.count,
          secondsLeft: done > 0 ? seconds / Double(done) * Double(pending.count - done) : nil))
    }
    report()
    for first in stride(from: 0, to: pending.count, by: batch) {
      let part = pending[first..<min(first + batch, pending.count)]
      try ledger.add(try Self.divided(part.map { scenes[$0] }, measure))
      done += part.count
      report()
    }
    return indices.compactMap { ledger.rows[$0] }
  }

  /// Divides the scenes among threads. For small models this is faster than dividing each operation among them.
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
