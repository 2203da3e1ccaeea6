import Layers
import Synchronization

/// Records the noise level of every step of a generation.
public final class NoiseLevelRecorder: Observing {
  private let recorded = Mutex<[Float]>([])

  public init() {}

  /// σ before each step: the noise's standard deviation divided by the signal's.
  public var levels: [Float] { recorded.withLock { $0 } }

  public func begin() { recorded.withLock { $0 = [] } }

  public var hooks: [Hook] {
    [
      .observe(HookSelection(.latents)) { [self] event in
        if let level = event.moment.noiseLevel { recorded.withLock { $0.append(level) } }
      }
    ]
  }
}
