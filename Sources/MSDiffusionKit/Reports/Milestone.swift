import ArgumentParser

/// A training stage, and the number of samples on which a checkpoint was trained in it; on the command line
/// `base=192000`.
public struct Milestone: Sendable, Equatable, ExpressibleByArgument {
  public let stage: TrainingStage
  /// Number of samples since the stage began.
  public let samples: Int

  /// Reads `STAGE=SAMPLES`; nil if the stage is unknown or the number is not a whole number above 0.
  public init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let stage = TrainingStage(rawValue: String(parts[0])), let samples = Int(parts[1]),
      samples > 0
    else { return nil }
    (self.stage, self.samples) = (stage, samples)
  }

  /// Refuses a milestone of a stage on which no measure depends, because it would add nothing to the curves.
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
