import Analysis
import Tensors

// Axes: B samples, R subjects in a sample, h and w are the height and width of a layer's feature map.

/// A pseudo layout to generate with, and a rule that reads subjects' boxes from the text maps at the end.
package struct LayoutVariant: Sendable {
  /// The pseudo layouts to generate with, by name.
  static let runs: [(name: String, layout: PseudoLayout)] = [("published run", .published), ("joint run", .joint)]

  /// The name of the pseudo layout to generate with.
  package var run: String
  /// The rule that reads boxes. Without ``PseudoLayout/fusion``, each layer has its own boxes, and the mean over layers
  /// of their fit counts.
  package var rule: PseudoLayout

  /// The published rule, layer by layer.
  package static let published = LayoutVariant(run: runs[0].name, rule: .published)

  /// All measured variants.
  package static let all: [LayoutVariant] = {
    let thresholds = [0.1, 0.15, 0.2, 0.3, 0.4, 0.5].map { PseudoLayout.Threshold.fixed($0) } + [.otsu]
    return runs.flatMap { run in
      ([nil] + LayerFusion.allCases).flatMap { fusion in
        thresholds.flatMap { threshold in
          [nil, Connectivity.eight].map { part in
            LayoutVariant(
              run: run.name,
              rule: PseudoLayout(
                threshold: threshold, largestPart: part, fusion: fusion, decay: run.layout.decay))
          }
        }
      }
    }
  }()

  /// The variant's name in files and figures, such as `published run, each layer, 0.5` or `joint run, mean of layers,
  /// Otsu, largest part`.
  package var name: String {
    let layers =
      switch rule.fusion {
      case nil: "each layer"
      case .uniform: "mean of layers"
      case .resolution: "layers by resolution"
      case .concentration: "layers by concentration"
      }
    let threshold =
      switch rule.threshold {
      case .fixed(let value): "\(value)"
      case .otsu: "Otsu"
      }
    return "\(run), \(layers), \(threshold)" + (rule.largestPart == nil ? "" : ", largest part")
  }

  /// Intersection over union between the boxes around masks and the requested boxes: one number per sample and subject.
  /// - Parameters:
  ///   - layers: one tensor of maps `[B, R, h, w]` per layer.
  ///   - boxes: the requested boxes, one list per sample.
  ///   - side: height and width at which layers are fused.
  package func overlaps(_ layers: [Tensor], with boxes: [[Box]], side: Int) -> [[Double]] {
    guard let fusion = rule.fusion else {
      let each = layers.map { overlaps($0, boxes) }
      return boxes.indices.map { row in
        boxes[row].indices.map { subject in each.reduce(0) { $0 + $1[row][subject] } / Double(each.count) }
      }
    }
    return overlaps(fusion(layers, size: (side, side)), boxes)
  }

  private func overlaps(_ maps: Tensor, _ boxes: [[Box]]) -> [[Double]] {
    let found = rule.boxes(of: maps)
    return boxes.enumerated().map { row, requested in
      requested.enumerated().map { subject, box in
        found[row * maps.shape[1] + subject].intersectionOverUnion(with: box) ?? 0
      }
    }
  }
}
