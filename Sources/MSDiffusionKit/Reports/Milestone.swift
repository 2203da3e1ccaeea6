import ArgumentParser

/// A stage of training and how many of its samples a checkpoint has seen, as `base=192000` on the command line.
public struct Milestone: Sendable, Equatable, ExpressibleByArgument {
  public let stage: TrainingStage
  public let samples: Int

  public init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let stage = TrainingStage(rawValue: String(parts[0])), let samples = Int(parts[1]),
      samples > 0
    else { return nil }
    (self.stage, self.samples) = (stage, samples)
  }

  /// A milestone of a stage that no measure depends on would add nothing to the curves.
  /// - Throws: ``RunError/option(name:found:expected:)``.
  func check(isUngrounded: Bool) throws {
    let measured: [TrainingStage] = isUngrounded ? [.base] : [.base, .adapter]
    guard measured.contains(stage) else {
      let stages = measured.map(\.rawValue).joined(separator: " or ")
      throw RunError.option(
        name: "--milestone", found: "\(stage.rawValue)=\(samples)", expected: "STAGE=SAMPLES with the stage \(stages)")
    }
  }
}
