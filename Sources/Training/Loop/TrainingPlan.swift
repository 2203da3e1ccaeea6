import JSON

/// The plan of a training run. The same plan, objective and seed give the same bytes on any number of cores.
public struct TrainingPlan: Sendable, Equatable {
  /// Number of steps. It may be raised later, to continue a finished run.
  public var steps: Int
  /// Number of samples per step.
  public var batch: Int
  /// Maximum number of samples that go through the network together. If a shard has more samples, the gradients of
  /// several passes are added up. nil: the whole shard goes through in one pass.
  public var microbatch: Int?
  /// Number of parts of a step that run in parallel, one thread each. It does not depend on the processor, since it
  /// determines the order in which gradients are added up.
  public var shards = 2
  public var schedule: LearningRateSchedule
  public var optimizer = AdamW()
  /// Maximum norm of all gradients together; gradients of a larger norm are scaled down to it. nil: no maximum.
  public var clipping: Double? = 1
  /// The moving average of the weights that is kept in addition to the weights; nil: no average.
  public var average: WeightAverage? = WeightAverage()
  /// Seed of the objective's random numbers. It belongs to the plan, so that a run cannot be resumed with a different
  /// seed.
  public var seed: UInt64 = 0
  /// Hash of the data with which the run began, which ``DataRecord`` keeps; nil if samples depend only on their index
  /// and the seed.
  public var data: String?
  /// Number of samples that are drawn and encoded once and then used again and again, each time with different noise;
  /// nil: every sample is used once.
  public var reservoir: Int?
  /// Number of steps between checkpoints. There is always a checkpoint at the end.
  public var checkpointEvery = 500
  /// Number of steps between lines of the log; each line holds means over these steps.
  public var logEvery = 10
  /// Number of steps between evaluations of the objective; 0: no evaluations.
  public var evaluateEvery = 0

  public init(steps: Int, batch: Int, schedule: LearningRateSchedule) {
    (self.steps, self.batch, self.schedule) = (steps, batch, schedule)
  }

  /// The indices of a step's samples in the whole training run, counted from 0.
  public func samples(step: Int) -> Range<Int> { step * batch..<(step + 1) * batch }

  /// The samples of each shard of a step, divided into passes through the network.
  func shards(step: Int) -> [[Range<Int>]] {
    let start = step * batch
    return (0..<shards).map { shard in
      let part = start + batch * shard / shards..<start + batch * (shard + 1) / shards
      let size = microbatch ?? part.count
      return stride(from: part.lowerBound, to: part.upperBound, by: size).map { $0..<min($0 + size, part.upperBound) }
    }
  }

  /// Checks all values.
  /// - Throws: ``TrainingError/plan(option:found:expected:)`` for the first invalid value.
  func check() throws {
    func require(_ holds: Bool, _ option: String, _ found: String, _ expected: String) throws {
      guard holds else { throw TrainingError.plan(option: option, found: found, expected: expected) }
    }
    try require(steps > 0, "steps", "\(steps)", "at least 1")
    try require(shards > 0, "shards", "\(shards)", "at least 1")
    try require(batch >= shards, "batch", "\(batch)", "at least \(shards), one sample per shard")
    try require(microbatch ?? 1 > 0, "microbatch", "\(microbatch ?? 0)", "at least 1")
    try require(clipping ?? 1 > 0, "clipping", "\(clipping ?? 0)", "a norm above 0, or nil")
    try require(reservoir ?? 1 > 0, "reservoir", "\(reservoir ?? 0)", "at least 1, or nil")
    try require(checkpointEvery > 0, "checkpointEvery", "\(checkpointEvery)", "at least 1")
    try require(logEvery > 0, "logEvery", "\(logEvery)", "at least 1")
    try require(evaluateEvery >= 0, "evaluateEvery", "\(evaluateEvery)", "0 or more")
    let decays = "a decay of at least 0 and below 1"
    if let decay = average?.decay { try require((0..<1).contains(decay), "average", "\(decay)", decays) }
    for (name, decay) in [("firstDecay", optimizer.firstDecay), ("secondDecay", optimizer.secondDecay)] {
      try require((0..<1).contains(decay), "optimizer.\(name)", "\(decay)", decays)
    }
    try require(optimizer.epsilon > 0, "optimizer.epsilon", "\(optimizer.epsilon)", "a number above 0")
    try require(optimizer.weightDecay >= 0, "optimizer.weightDecay", "\(optimizer.weightDecay)", "0 or more")
    if let problem = schedule.problem { try require(false, "schedule", problem.found, problem.expected) }
  }

  /// Everything in the plan that affects results: all values except the number of steps and `checkpointEvery`.
  var json: JSONValue {
    var members: [(String, JSONValue)] = [
      ("batch", JSONValue(batch)), ("microbatch", microbatch.map { JSONValue($0) } ?? .null),
      ("shards", JSONValue(shards)), ("schedule", schedule.json),
      (
        "optimizer",
        .object([
          ("firstDecay", .double(optimizer.firstDecay)), ("secondDecay", .double(optimizer.secondDecay)),
          ("epsilon", .double(optimizer.epsilon)), ("weightDecay", .double(optimizer.weightDecay)),
          ("sparesVectors", .bool(optimizer.sparesVectors)),
        ])
      ),
      ("clipping", clipping.map { .double($0) } ?? .null),
      ("average", average.map { .double($0.decay) } ?? .null), ("seed", .string("\(seed)")),
      ("logEvery", JSONValue(logEvery)), ("evaluateEvery", JSONValue(evaluateEvery)),
    ]
    if let data { members.append(("data", .string(data))) }
    if let reservoir { members.append(("reservoir", JSONValue(reservoir))) }
    return .object(members)
  }
}
