/// Results of one measure on one scene.
public protocol MeasuredRow: Codable, Equatable, Sendable {
  /// The scene's index in its stream.
  var scene: Int { get }
}

extension Collection {
  /// For each element with a non-empty list, the mean of its numbers.
  public func means(_ numbers: (Element) -> [Double]) -> [Double] { compactMap { numbers($0).mean } }

  /// For each element with a non-empty list, the fraction of its entries that are true.
  public func rates(_ hits: (Element) -> [Bool]) -> [Double] { means { hits($0).map { $0 ? 1 : 0 } } }

  /// The mean of `means(_:)`; nil if all lists are empty.
  public func mean(_ numbers: (Element) -> [Double]) -> Double? { means(numbers).mean }

  /// The mean of `rates(_:)`; nil if all lists are empty.
  public func rate(_ hits: (Element) -> [Bool]) -> Double? { rates(hits).mean }
}

extension Collection<Double> {
  /// The mean; nil if there are no elements.
  var mean: Double? { isEmpty ? nil : reduce(0, +) / Double(count) }
}
