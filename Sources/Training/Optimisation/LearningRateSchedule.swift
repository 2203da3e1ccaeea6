import Foundation
import JSON

/// The learning rate over the steps: it rises linearly during the warm-up; then it is constant, or falls along half a
/// cosine.
public struct LearningRateSchedule: Sendable, Equatable {
  /// The course of the rate after the warm-up.
  public enum Course: Sendable, Equatable {
    case constant
    /// Falls along half a cosine, reaches `floor` at step `until` and stays there.
    case cosine(until: Int, floor: Double)
  }

  /// The largest rate.
  public var peak: Double
  /// Number of steps of the warm-up. In it, the rate of step i, counted from 0, is (i + 1) / warmUp of the peak.
  public var warmUp: Int
  public var course: Course

  public init(peak: Double, warmUp: Int = 0, course: Course = .constant) {
    (self.peak, self.warmUp, self.course) = (peak, warmUp, course)
  }

  /// The learning rate of a step, counted from 0.
  public func rate(step: Int) -> Double {
    if step < warmUp { return peak * Double(step + 1) / Double(warmUp) }
    switch course {
    case .constant: return peak
    case .cosine(let until, let floor):
      let fraction = min(Double(step - warmUp) / Double(max(until - warmUp, 1)), 1)
      return floor + (peak - floor) * 0.5 * (1 + cos(Double.pi * fraction))
    }
  }

  /// The first invalid value of the schedule, and what is expected instead; nil if the schedule is valid.
  var problem: (found: String, expected: String)? {
    guard peak > 0, peak.isFinite else { return ("a peak of \(peak)", "a rate above 0") }
    guard warmUp >= 0 else { return ("a warm-up of \(warmUp)", "0 steps or more") }
    guard case .cosine(let until, let floor) = course else { return nil }
    if until <= warmUp { return ("a cosine until step \(until)", "an end after the warm-up of \(warmUp) steps") }
    return (0...peak).contains(floor) ? nil : ("a floor of \(floor)", "a rate from 0 to the peak, \(peak)")
  }

  var json: JSONValue {
    var pairs: [(String, JSONValue)] = [("peak", .double(peak)), ("warmUp", JSONValue(warmUp))]
    if case .cosine(let until, let floor) = course {
      pairs += [("cosineUntil", JSONValue(until)), ("floor", .double(floor))]
    }
    return .object(pairs)
  }
}
