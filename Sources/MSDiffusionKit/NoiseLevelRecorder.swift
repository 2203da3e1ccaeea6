import Synchronization

/// Notes the noise level of every step of a run.
public final class NoiseLevelRecorder: Watching {
  private let noted = Mutex<[Float]>([])

  public init() {}

  /// σ before each step.
  public var levels: [Float] { noted.withLock { $0 } }

  public var hooks: [Hook] {
    [.observe(HookSelection(.latents)) { [self] event in noted.withLock { $0.append(event.moment.noiseLevel) } }]
  }
}
