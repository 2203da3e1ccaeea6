import Training

/// One benchmark: the same work in one or more ways, which are timed in turn.
package struct Benchmark {
  /// One way to do the work.
  package struct Way {
    package let name: String
    /// Does the work once.
    package let body: () throws -> Double?

    /// - Parameter body: does the work once; timed as a whole.
    package init(_ name: String, _ body: @escaping () throws -> Void) {
      self.init(timingItself: name) {
        try body()
        return nil
      }
    }

    /// - Parameter body: does the work once, and returns how many seconds of it count.
    package init(timingItself name: String, _ body: @escaping () throws -> Double?) {
      (self.name, self.body) = (name, body)
    }

    /// Does the work once.
    /// - Returns: seconds.
    func time() throws -> Double {
      let begun = ContinuousClock.now
      let own = try body()
      return own ?? (ContinuousClock.now - begun).seconds
    }
  }

  /// Times every way `count` times, in turn, so that whatever slows the machine down meanwhile slows down all of them.
  /// The first round is not counted: it fills caches.
  /// - Parameter progress: receives the number of finished rounds, including the first one.
  /// - Returns: seconds of every way, in the order of `ways`.
  package static func time(
    _ ways: [Way], count: Int, progress: (Int) -> Void = { _ in }
  ) throws -> [Timing] {
    var seconds = [[Double]](repeating: [], count: ways.count)
    for round in 0...count {
      for (index, way) in ways.enumerated() {
        let time = try way.time()
        if round > 0 { seconds[index].append(time) }
      }
      progress(round + 1)
    }
    return zip(ways, seconds).map { Timing(name: $0.name, seconds: $1) }
  }
}

/// The measured times of one way to do the work.
package struct Timing: Sendable, Equatable, Encodable {
  package let name: String
  /// In the order in which they were measured.
  package let seconds: [Double]

  package init(name: String, seconds: [Double]) { (self.name, self.seconds) = (name, seconds) }

  package var median: Double { Self.quantile(0.5, of: seconds) }
  /// The middle half of the times: from their first quartile to their third.
  package var spread: ClosedRange<Double> { Self.quantile(0.25, of: seconds)...Self.quantile(0.75, of: seconds) }

  /// How long this takes compared with another way: the median of the ratios of both times in each round.
  package func ratio(to other: Timing) -> Double {
    Self.quantile(0.5, of: zip(seconds, other.seconds).map { $0 / $1 })
  }

  /// A quantile with linear interpolation between neighbours; 0 if there are no values.
  static func quantile(_ fraction: Double, of values: [Double]) -> Double {
    let sorted = values.sorted()
    guard let last = sorted.last else { return 0 }
    let position = fraction * Double(sorted.count - 1)
    let below = Int(position)
    guard below + 1 < sorted.count else { return last }
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (position - Double(below))
  }
}
