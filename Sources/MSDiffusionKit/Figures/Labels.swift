import Foundation

/// A share as a whole number of hundredths: 0.256 is "26 %".
public func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

/// A number with so many decimal places.
public func decimal(_ number: Float, _ places: Int) -> String { String(format: "%.\(places)f", Double(number)) }
