import Analysis
import Tensors

// Axes: B samples, R subjects of a sample, h and w of a layer's feature map.

/// A way to read subjects' boxes off the text maps of all layers.
package struct LayoutVariant: Sendable {
  /// How layers are put together; nil: each layer has a layout of its own, and their mean fit counts.
  package var fusion: LayerFusion?
  package var rule: PseudoLayout

  /// The published rule, layer by layer.
  package static let published = LayoutVariant(fusion: nil, rule: .published)

  /// All that are tried.
  package static let all: [LayoutVariant] = {
    let thresholds = [0.2, 0.3, 0.4, 0.5, 0.6].map { PseudoLayout.Threshold.fixed($0) } + [.otsu]
    return ([nil] + LayerFusion.allCases).flatMap { fusion in
      thresholds.flatMap { threshold in
        [nil, Connectivity.eight].map { part in
          LayoutVariant(fusion: fusion, rule: PseudoLayout(threshold: threshold, largestPart: part))
        }
      }
    }
  }()

  /// For files and figures: `each layer, 0.5`; `mean of layers, Otsu, largest part`.
  package var name: String {
    let layers =
      switch fusion {
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
    return layers + ", " + threshold + (rule.largestPart == nil ? "" : ", largest part")
  }

  /// How well the boxes around the masks fit those that were asked for: one number a sample and subject.
  /// - Parameters:
  ///   - layers: Maps `[B, R, h, w]`.
  ///   - side: Of the square that layers are put together at.
  package func overlaps(_ layers: [Tensor], with boxes: [[Box]], side: Int) -> [[Double]] {
    guard let fusion else {
      let each = layers.map { overlaps($0, boxes) }
      return boxes.indices.map { row in
        boxes[row].indices.map { subject in each.reduce(0) { $0 + $1[row][subject] } / Double(each.count) }
      }
    }
    return overlaps(fusion(layers, size: (side, side)), boxes)
  }

  private func overlaps(_ maps: Tensor, _ boxes: [[Box]]) -> [[Double]] {
    let found = rule.boxes(of: maps)
    let (height, width) = (maps.shape[2], maps.shape[3])
    return boxes.enumerated().map { row, asked in
      asked.enumerated().map { subject, box in
        // As this layer sees it: in whole cells.
        let own = Box(around: box.cells(height: height, width: width), height: height, width: width)
        return found[row * maps.shape[1] + subject].intersectionOverUnion(with: own) ?? 0
      }
    }
  }
}
