import Evaluation
import Plotting

extension TrainingCurves {
  /// All curves of one stage, in two charts: losses above, measures on held-out scenes below.
  ///
  /// The first tenth of each curve does not count for the range of the vertical axis, as a loss is many times larger in
  /// the beginning than later.
  public func lossFigure(title: String) -> any Figure {
    let measured = curves.filter { $0.name.hasPrefix("heldOut") }
    let losses = curves.filter { !$0.name.hasPrefix("heldOut") }
    let charts = [("loss", losses), ("held-out scenes", measured)].filter { !$1.isEmpty }.map { label, curves in
      let late = curves.flatMap { $0.values.dropFirst($0.values.count / 10) }
      let (low, high) = (min(0, late.min() ?? 0), (late.max() ?? 1) * 1.1)
      return LineChart(
        curves.map { Series($0.name, x: $0.samples, y: $0.values.map { min($0, high) }) }, xLabel: "samples",
        yLabel: label, yRange: low...max(high, low + 1e-9), width: 900, height: 320)
    }
    return Stack(charts, title: title)
  }
}
