import Analysis
import Foundation
import Tensors

/// Width of a box's features: 8 frequencies × sine and cosine × 4 coordinates.
let boxFeatureWidth = 64

/// Fourier features of boxes, as GLIGEN and MS-Diffusion embed them: sine and cosine of every coordinate multiplied by
/// every frequency. They are ordered by frequency, then sine before cosine, then by coordinate.
/// - Parameters:
///   - bands: number of frequencies.
///   - temperature: frequency k, counted from 0, is temperature^(k/bands).
/// - Returns: `[N, 8 · bands]` for N boxes.
public func boxFeatures(_ boxes: [Box], bands: Int = 8, temperature: Float = 100) -> Tensor {
  let frequencies = (0..<bands).map { Float(pow(Double(temperature), Double($0) / Double(bands))) }
  var values: [Float] = []
  for box in boxes {
    let coordinates = [box.x0, box.y0, box.x1, box.y1]
    for frequency in frequencies {
      let angles = coordinates.map { Double(frequency * $0) }
      values += angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
    }
  }
  return Tensor(values, shape: [boxes.count, bands * 8])
}
