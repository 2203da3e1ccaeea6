import Tensors

/// The neighbours that count as connected to a cell.
public enum Connectivity: Sendable, Equatable {
  /// Neighbours that share an edge.
  case four
  /// Neighbours that share an edge or a corner.
  case eight

  fileprivate var neighbours: [(y: Int, x: Int)] {
    let edges = [(y: -1, x: 0), (y: 0, x: -1), (y: 0, x: 1), (y: 1, x: 0)]
    return self == .four ? edges : edges + [(y: -1, x: -1), (y: -1, x: 1), (y: 1, x: -1), (y: 1, x: 1)]
  }
}

extension Tensor {
  /// For every mask [..., h, w], a mask of 0 and 1 that keeps only the largest connected part of the cells above 0;
  /// among equally large parts, the first in row-by-row order. An empty mask stays empty.
  public func largestPart(connectivity: Connectivity = .eight) -> Tensor {
    let width = mapSize("largestPart").width
    return mappingEach2D("largestPart") { mask, output in
      let parts = connectedParts(of: mask.map { $0 > 0 }, width: width, connectivity: connectivity)
      output.update(repeating: 0)
      var largest: [Int] = []
      for part in parts where part.count > largest.count { largest = part }
      for cell in largest { output[cell] = 1 }
    }
  }

  /// Masks of 0 and 1 with the holes of every mask [..., h, w] filled. A hole is a part of the background, connected
  /// along edges, that does not touch the border of the map.
  public func holesFilled() -> Tensor {
    let size = mapSize("holesFilled")
    return mappingEach2D("holesFilled") { mask, output in
      for i in mask.indices { output[i] = mask[i] > 0 ? 1 : 0 }
      for part in connectedParts(of: mask.map { !($0 > 0) }, width: size.width, connectivity: .four) {
        let touchesBorder = part.contains { cell in
          let (y, x) = cell.quotientAndRemainder(dividingBy: size.width)
          return y == 0 || x == 0 || y == size.height - 1 || x == size.width - 1
        }
        if !touchesBorder { for cell in part { output[cell] = 1 } }
      }
    }
  }
}

/// The connected parts of a mask with rows of `width` cells. Each part is a list of cell indices; parts are in the
/// order of their first cell.
private func connectedParts(of mask: [Bool], width: Int, connectivity: Connectivity) -> [[Int]] {
  let height = mask.count / width
  let neighbours = connectivity.neighbours
  var unseen = mask
  var parts: [[Int]] = []
  for start in mask.indices where unseen[start] {
    unseen[start] = false
    var part = [start]
    var next = 0
    while next < part.count {
      let (y, x) = part[next].quotientAndRemainder(dividingBy: width)
      next += 1
      for step in neighbours {
        let (row, column) = (y + step.y, x + step.x)
        guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
        let cell = row * width + column
        if unseen[cell] {
          unseen[cell] = false
          part.append(cell)
        }
      }
    }
    parts.append(part)
  }
  return parts
}
