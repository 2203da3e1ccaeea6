import Analysis
import Layers
import Synchronization
import Tensors

// Axes: B samples, R subjects of a sample, h and w of a layer's feature map.

/// Text attention of every phrase while several scenes are generated together: per layer the mean over heads, the phrase's
/// tokens and all steps.
package final class PhraseMapRecorder: Watching {
  private let spans: [[Range<Int>]]
  private let memory: Float
  private let recorded = Mutex<(order: [String], maps: [String: RunningMaps])>(([], [:]))

  /// - Parameters:
  ///   - spans: Token columns of every sample's phrases, as many in each.
  ///   - memory: What of the weight of earlier steps is left after each new one.
  package init(spans: [[Range<Int>]], memory: Float = 1) { (self.spans, self.memory) = (spans, memory) }

  package var hooks: [Hook] {
    [
      .observe(HookSelection(.textAttention)) { [self] event in
        guard let grid = event.grid else { return }
        let rows = event.moment.conditionalRows ?? 0..<spans.count
        let maps = SpanMaps.mean(
          of: event.tensor.sliced(axis: 0, rows), spans: spans, height: grid.height, width: grid.width)
        recorded.withLock { recorded in
          if recorded.maps[event.point.layer] == nil { recorded.order.append(event.point.layer) }
          recorded.maps[event.point.layer, default: RunningMaps(memory: memory)].add(maps)
        }
      }
    ]
  }

  /// One mean a layer, `[B, R, h, w]`, in the order in which layers come.
  package var layers: [(name: String, maps: Tensor)] {
    recorded.withLock { recorded in recorded.order.compactMap { name in recorded.maps[name]?.mean.map { (name, $0) } } }
  }
}
