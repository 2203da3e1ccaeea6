import Checkpoints
import Foundation
import JSON
import Layers
import Tensors

/// The state of a training run after a step. It is one safetensors file with the weights, their averages and their
/// moments (`weight.KEY`, `average.KEY`, `first.KEY`, `second.KEY`); counters and figures are in its header.
public struct TrainingCheckpoint: Sendable {
  public let path: String
  /// Number of steps done.
  public let step: Int
  /// Number of samples seen.
  public let samples: Int
  /// Names of the weights, in the objective's order.
  public let names: [String]
  let plan: JSONNode
  let tally: Tally
  private let checkpoint: Checkpoint

  static let format = "MSDiffusion training 1"

  /// Opens a file.
  /// - Throws: `CheckpointError`, `JSONError` if the file cannot be read;
  ///   ``TrainingError/otherTraining(path:what:expected:found:)`` if it is not a checkpoint of a training run.
  public init(_ path: String) throws {
    let opened = try Checkpoint(path)
    func entry(_ name: String) throws -> JSONNode {
      JSONNode(try JSONValue.parse(opened.metadata[name] ?? "null", name: path), name: "\(path): \(name)")
    }
    guard opened.metadata["format"] == Self.format else {
      throw TrainingError.otherTraining(
        path: path, what: "the header's format", expected: "'\(Self.format)'",
        found: opened.metadata["format"].map { "'\($0)'" } ?? "missing")
    }
    (self.path, checkpoint) = (path, opened)
    step = try entry("step").int()
    samples = try entry("samples").int()
    names = try entry("names").strings()
    plan = try entry("plan")
    tally = try Tally(entry("tally"))
  }

  /// The newest complete checkpoint in a folder; nil if there is none. Files that cannot be opened are skipped, such as
  /// one that a crash cut off.
  public static func newest(in folder: String) -> TrainingCheckpoint? {
    files(in: folder).reversed().lazy.compactMap { try? TrainingCheckpoint(folder + "/" + $0) }.first
  }

  /// A trained weight, or its average.
  /// - Throws: `CheckpointError` if there is no weight, or no average, of that name.
  public func tensor(_ name: String, averaged: Bool) throws -> Tensor {
    try checkpoint.stored((averaged ? "average." : "weight.") + name).tensor
  }

  /// Whether the checkpoint contains averages.
  public var hasAverages: Bool { names.first.map { checkpoint.contains("average." + $0) } ?? false }

  /// Loads these weights into a model's parameters.
  /// - Parameters:
  ///   - parameters: the parameters, in the order of the objective that trained them.
  ///   - averaged: whether to load the averages, if the checkpoint contains averages.
  /// - Throws: ``TrainingError/otherTraining(path:what:expected:found:)`` if names or shapes differ;
  ///   ``TrainingError/parameters(_:)`` if there are no parameters, or one is given twice; `CheckpointError`.
  public func load(into parameters: [Parameter], averaged: Bool = true) throws {
    let weights = try TrainedWeight.all(of: parameters, keepsAverages: false)
    try check(weights)
    for weight in weights { weight.parameter.value = try tensor(weight.name, averaged: averaged && hasAverages) }
  }

  /// Restores the weights' training state.
  func restore(_ weights: [TrainedWeight]) throws {
    try check(weights)
    for weight in weights {
      weight.value = try checkpoint.stored("weight." + weight.name).tensor
      weight.moments = AdamW.Moments(
        first: try checkpoint.stored("first." + weight.name).tensor,
        second: try checkpoint.stored("second." + weight.name).tensor)
      if weight.average != nil { weight.average = try checkpoint.stored("average." + weight.name).tensor }
    }
    weights.putBack()
  }

  /// Checks that the names and shapes of the weights are those of this checkpoint.
  private func check(_ weights: [TrainedWeight]) throws {
    func first(_ names: [String]) -> String? { names.first.map { "'\($0)'" } }
    let equal = zip(names, weights.map(\.name)).prefix { $0 == $1 }.count
    guard equal == names.count, equal == weights.count else {
      throw TrainingError.otherTraining(
        path: path, what: "weight \(equal + 1)", expected: first(weights.dropFirst(equal).map(\.name)) ?? "none",
        found: first(Array(names.dropFirst(equal))) ?? "missing")
    }
    for weight in weights {
      let shape = checkpoint.shape(of: "weight." + weight.name)
      guard shape == weight.parameter.shape else {
        throw TrainingError.otherTraining(
          path: path, what: "the shape of '\(weight.name)'", expected: "\(weight.parameter.shape)",
          found: shape.map { "\($0)" } ?? "missing")
      }
    }
  }

  /// Checks that a plan agrees with the plan in this checkpoint in everything that affects results.
  func check(_ plan: TrainingPlan) throws {
    guard case .object(let requested) = plan.json else { return }
    for key in requested.keys {
      let (old, new) = ((self.plan[key].value ?? .null).text(), (requested[key] ?? .null).text())
      if old != new {
        throw TrainingError.otherTraining(path: path, what: "the plan's \(key)", expected: new, found: old)
      }
    }
  }

  // MARK: Writing

  /// Writes the state after `step` steps, completely or not at all, and deletes all checkpoints but the newest two.
  static func write(_ weights: [TrainedWeight], step: Int, plan: TrainingPlan, tally: Tally, in folder: String) throws
    -> String
  {
    let path = folder + "/" + name(step: step)
    var tensors: [(key: String, tensor: Tensor)] = []
    for weight in weights {
      tensors.append(("weight." + weight.name, weight.value))
      if let average = weight.average { tensors.append(("average." + weight.name, average)) }
      tensors.append(("first." + weight.name, weight.moments.first))
      tensors.append(("second." + weight.name, weight.moments.second))
    }
    try SafetensorsFile.write(
      tensors,
      metadata: [
        "format": format, "step": "\(step)", "samples": "\(step * plan.batch)",
        "names": JSONValue(weights.map(\.name)).text(), "plan": plan.json.text(), "tally": tally.json.text(),
      ], to: path)
    for old in files(in: folder).dropLast(2) { try? FileManager.default.removeItem(atPath: folder + "/" + old) }
    return path
  }

  private static func name(step: Int) -> String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 9 - digits.count)) + digits + ".safetensors"
  }

  /// Names of all checkpoints in a folder, oldest first.
  private static func files(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") }.sorted()
  }
}
