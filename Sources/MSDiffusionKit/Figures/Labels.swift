import Foundation

/// A fraction as a whole percentage, with a no-break space: 0.256 becomes "26 %".
public func percent(_ fraction: Double) -> String { "\(Int((fraction * 100).rounded()))\u{a0}%" }

/// A number with a fixed number of decimal digits.
public func decimal(_ number: Float, _ digits: Int) -> String { String(format: "%.\(digits)f", Double(number)) }
