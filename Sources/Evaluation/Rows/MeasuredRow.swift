/// Results of one measure on one scene.
public protocol MeasuredRow: Codable, Equatable, Sendable {
  /// The scene's index in its stream.
  var scene: Int { get }
}

extension Collection {
  /// The mean of each element's numbers, for elements that have any.
  public func means(_ numbers: (Element) -> [Double]) -> [Double] { compactMap { numbers($0).mean } }

  /// The fraction of each element's hits, for elements that have any.
  public func rates(_ hits: (Element) -> [Bool]) -> [Double] { means { hits($0).map { $0 ? 1 : 0 } } }

  /// The mean over elements of their means; nil if none has numbers.
  public func mean(_ numbers: (Element) -> [Double]) -> Double? { means(numbers).mean }

  /// The mean over elements of their fractions of hits; nil if none has any.
  public func rate(_ hits: (Element) -> [Bool]) -> Double? { rates(hits).mean }
}

extension Collection<Double> {
  /// The mean; nil without elements.
  var mean: Double? { isEmpty ? nil : reduce(0, +) / Double(count) }
}
