import Foundation
import Tensors

/// The fraction of a map's total that is inside a region, 0…1; nil if the total is zero. Stops the program if the
/// shapes differ, a value is NaN or infinite, or a value of the map is negative.
///
/// - Parameters:
///   - map: [h, w], not negative.
///   - region: [h, w], the fraction of each cell that is inside the region.
public func inBoxMass(of map: Tensor, inside region: Tensor) -> Double? {
  checkPair(map, region, "inBoxMass")
  var (inside, total) = (0.0, 0.0)
  for (value, covered) in zip(map.values, region.values) {
    if value < 0 { fail("inBoxMass: expected a map without negative values, found \(value)") }
    total += Double(value)
    inside += Double(value) * Double(min(max(covered, 0), 1))
  }
  return total > 0 ? inside / total : nil
}

/// Scores the pointing game (Zhang et al. 2016): is the greatest value of a map inside a region?
///
/// Stops the program if the shapes differ, or if a value is NaN or infinite.
///
/// - Parameter region: [h, w], the fraction of each cell that is inside the region.
/// - Returns: The region's value at the map's greatest value: 1 for a hit, 0 for a miss, between them if the cell is
///   partly inside. If several cells tie, the mean over these cells. This is the expected score of choosing one of them
///   at random, so a constant map scores chance.
public func pointingHit(of map: Tensor, inside region: Tensor) -> Double {
  checkPair(map, region, "pointingHit")
  let greatest = map.valueRange.upperBound
  var (inside, ties) = (0.0, 0.0)
  for (value, covered) in zip(map.values, region.values) where value == greatest {
    ties += 1
    inside += Double(min(max(covered, 0), 1))
  }
  return inside / ties
}

/// Intersection over union: the number of cells that are in both masks, divided by the number of cells that are in at
/// least one; nil if both masks are empty.
///
/// A cell is in a mask if its value is above 0. Stops the program if the shapes differ, or if a value is NaN or
/// infinite.
public func intersectionOverUnion(_ a: Tensor, _ b: Tensor) -> Double? {
  checkPair(a, b, "intersectionOverUnion")
  var (both, either) = (0, 0)
  forEachPair(a, b) { value, isInside in
    if value > 0 && isInside { both += 1 }
    if value > 0 || isInside { either += 1 }
  }
  return either > 0 ? Double(both) / Double(either) : nil
}

/// The mean intersection over union of maps with their masks, as a function of the threshold at which the maps are cut.
/// It shows how well the maps match the masks if one threshold has to serve for all.
public struct ThresholdCurve: Sendable, Equatable {
  /// 0…1, ascending, for the maps after min–max normalization; a cell is inside if its value is strictly above the
  /// threshold.
  public let thresholds: [Double]
  /// Mean intersection over union at each threshold.
  public let meanOverlaps: [Double]

  /// Stops the program if the shapes in a pair differ, or if a value is NaN or infinite.
  ///
  /// - Parameters:
  ///   - pairs: Maps with their masks, both [h, w]; sizes may differ between pairs. A constant map is empty at every
  ///     threshold.
  ///   - count: Number of thresholds, equally spaced from 0 to 1; a number below 2 stops the program.
  /// - Throws: ``AnalysisError/empty(_:)`` if there are no pairs, or if a mask is empty, since no map could match it.
  public init(_ pairs: [(map: Tensor, mask: Tensor)], count: Int = 101) throws {
    guard !pairs.isEmpty else {
      throw AnalysisError.empty("threshold curve: expected at least one map and mask, found none")
    }
    guard count >= 2 else { fail("ThresholdCurve: expected a count of at least 2, found \(count)") }
    let thresholds = (0..<count).map { Double($0) / Double(count - 1) }
    var sums = [Double](repeating: 0, count: count)
    for (index, pair) in pairs.enumerated() {
      checkPair(pair.map, pair.mask, "ThresholdCurve, pair \(index)")
      guard pair.mask.valueRange.upperBound > 0 else {
        throw AnalysisError.empty("threshold curve, pair \(index): expected a mask with at least one cell, found none")
      }
      let stretched = pair.map.scaled(from: pair.map.valueRange, flat: 0)
      // Element n counts the cells that are above exactly n thresholds, the n lowest; the loop below sums from the top.
      var (inside, all) = ([Int](repeating: 0, count: count + 1), [Int](repeating: 0, count: count + 1))
      var maskCells = 0
      forEachPair(stretched, pair.mask) { value, isInside in
        var above = min(Int((Double(value) * Double(count - 1)).rounded(.up)), count)
        while above > 0, thresholds[above - 1] >= Double(value) { above -= 1 }
        while above < count, thresholds[above] < Double(value) { above += 1 }
        all[above] += 1
        if isInside {
          inside[above] += 1
          maskCells += 1
        }
      }
      var (hits, cells) = (0, 0)
      for i in stride(from: count - 1, through: 0, by: -1) {
        hits += inside[i + 1]
        cells += all[i + 1]
        sums[i] += Double(hits) / Double(cells + maskCells - hits)
      }
    }
    self.thresholds = thresholds
    meanOverlaps = sums.map { $0 / Double(pairs.count) }
  }

  /// The threshold with the greatest mean overlap, and this overlap; if several thresholds tie, the lowest of them.
  public var best: (threshold: Double, meanOverlap: Double) {
    var best = (threshold: thresholds[0], meanOverlap: meanOverlaps[0])
    for (threshold, overlap) in zip(thresholds, meanOverlaps) where overlap > best.meanOverlap {
      best = (threshold, overlap)
    }
    return best
  }
}

/// The centre of a map's mass in fractions of the image, x rightwards and y downwards; nil if all values are zero.
/// Stops the program if a value is negative, NaN or infinite.
///
/// - Parameter map: [h, w], not negative; a cell's mass is at the cell's centre.
public func centroid(of map: Tensor) -> (x: Double, y: Double)? {
  let size = map.mapSize("centroid")
  var (total, x, y) = (0.0, 0.0, 0.0)
  for (cell, value) in distribution(map, "centroid").enumerated() {
    total += value
    x += value * (Double(cell % size.width) + 0.5)
    y += value * (Double(cell / size.width) + 0.5)
  }
  return total > 0 ? (x / total / Double(size.width), y / total / Double(size.height)) : nil
}

/// The entropy of a map as a distribution over its cells, divided by the entropy of a uniform map: 1 for a uniform map,
/// 0 if all mass is in one cell or there is only one cell; nil if all values are zero. Stops the program if a value is
/// negative, NaN or infinite.
///
/// - Parameter map: Any shape, such as [h, w]; not negative.
public func normalizedEntropy(of map: Tensor) -> Double? {
  let values = distribution(map, "normalizedEntropy")
  let total = values.reduce(0, +)
  guard total > 0 else { return nil }
  if values.count == 1 { return 0 }
  let entropy = values.reduce(0.0) { sum, value in
    let fraction = value / total
    return fraction > 0 ? sum - fraction * log(fraction) : sum
  }
  return entropy / log(Double(values.count))
}

/// The values of a map in double precision; stops the program if one is negative, NaN or infinite.
private func distribution(_ map: Tensor, _ caller: String) -> [Double] {
  map.requireFinite(caller)
  return map.values.map { value in
    if value < 0 { fail("\(caller): expected a map without negative values, found \(value)") }
    return Double(value)
  }
}

private func checkPair(_ map: Tensor, _ mask: Tensor, _ caller: String) {
  guard map.shape == mask.shape, map.count > 0 else {
    fail(
      "\(caller): expected two tensors of the same shape with at least one cell, found \(map.shape) and \(mask.shape)")
  }
  map.requireFinite(caller)
  mask.requireFinite(caller)
}

/// Calls `body` with each value of a map and whether the mask is above 0 there.
private func forEachPair(_ map: Tensor, _ mask: Tensor, _ body: (Float, Bool) -> Void) {
  map.withUnsafeBuffer { values in
    mask.withUnsafeBuffer { inside in
      for i in values.indices { body(values[i], inside[i] > 0) }
    }
  }
}
