import Tensors

/// The sizes of a stack of maps: height and width are the last two axes, `maps` is the product of all others.
package struct MapSize: Equatable {
  package let maps: Int
  package let height: Int
  package let width: Int
  package var cells: Int { height * width }
}

/// A number with its noun, for descriptions: “1 layer”, “2 layers”.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

extension Tensor {
  /// Reads the shape as a stack of maps [..., h, w]; stops the program if there are fewer than two axes, or no cells.
  package func mapSize(_ caller: String) -> MapSize {
    guard rank >= 2, shape[rank - 1] > 0, shape[rank - 2] > 0 else {
      fail("\(caller): expected maps [..., h, w] with h, w > 0, found shape \(shape)")
    }
    return MapSize(maps: shape.dropLast(2).reduce(1, *), height: shape[rank - 2], width: shape[rank - 1])
  }

  /// The index of the first value that is NaN or infinite; nil if there is none.
  package var firstNonFiniteIndex: [Int]? {
    let position = withUnsafeBuffer { buffer in buffer.firstIndex { !$0.isFinite } }
    guard var rest = position else { return nil }
    return shape.reversed().map { side -> Int in
      defer { rest /= side }
      return rest % side
    }.reversed()
  }

  /// Stops the program, naming the index, if any value is NaN or infinite, because NaN compares false with everything
  /// and would go unnoticed.
  package func requireFinite(_ caller: String) {
    if let index = firstNonFiniteIndex {
      fail("\(caller): expected finite values, found NaN or infinity, first at \(index) of \(shape)")
    }
  }

  /// Throws if any value is NaN or infinite.
  ///
  /// - Throws: ``AnalysisError/notFinite(place:)`` with the first index that holds NaN or infinity.
  package func checkFinite(place: String) throws {
    if let index = firstNonFiniteIndex { throw AnalysisError.notFinite(place: "\(place), at \(index) of \(shape)") }
  }

  /// Applies `body` to each [h, w] map of a stack [..., h, w]: it reads one map and fills the corresponding map of the
  /// result, which has the same shape.
  package func mappingEach2D(
    _ caller: String, _ body: (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void
  ) -> Tensor {
    let size = mapSize(caller)
    return Tensor(shape: shape) { output in
      withUnsafeBuffer { input in
        for start in stride(from: 0, to: size.maps * size.cells, by: size.cells) {
          let range = start..<start + size.cells
          body(UnsafeBufferPointer(rebasing: input[range]), UnsafeMutableBufferPointer(rebasing: output[range]))
        }
      }
    }
  }
}
