import Layers
import Synchronization

/// Notes the noise level of every step of a run.
public final class NoiseLevelRecorder: Observing {
  private let noted = Mutex<[Float]>([])

  public init() {}

  /// σ before each step.
  public var levels: [Float] { noted.withLock { $0 } }

  public func begin() { noted.withLock { $0 = [] } }

  public var hooks: [Hook] {
    [
      .observe(HookSelection(.latents)) { [self] event in
        if let level = event.moment.noiseLevel { noted.withLock { $0.append(level) } }
      }
    ]
  }
}
