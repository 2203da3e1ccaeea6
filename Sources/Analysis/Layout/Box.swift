import Tensors

/// A rectangle of the image in fractions of its width and height: 0 is the left or top edge, 1 the right or bottom.
///
/// Any four numbers are accepted, since published data contain invalid boxes. Boxes from users are checked by
/// ``validated(as:)`` or ``init(validating:as:)``. All zeros mean *no layout*.
public struct Box: Sendable, Equatable, CustomStringConvertible {
  /// Left, top, right and bottom edge, 0…1.
  public var x0, y0, x1, y1: Float

  /// A box of any four numbers, unchecked.
  public init(_ x0: Float, _ y0: Float, _ x1: Float, _ y1: Float) {
    (self.x0, self.y0, self.x1, self.y1) = (x0, y0, x1, y1)
  }

  /// A checked box from `[x0, y0, x1, y1]`, as in files and on command lines.
  ///
  /// - Parameter name: The box's name in the error message.
  /// - Throws: ``AnalysisError/invalidBox(name:numbers:problem:)``.
  public init(validating numbers: [Float], as name: String = "box") throws {
    guard numbers.count == 4 else {
      throw AnalysisError.invalidBox(name: name, numbers: numbers, problem: .count)
    }
    self = try Box(numbers[0], numbers[1], numbers[2], numbers[3]).validated(as: name)
  }

  /// No layout: all zeros, with no cell inside.
  public static let none = Box(0, 0, 0, 0)
  /// The whole image.
  public static let whole = Box(0, 0, 1, 1)

  /// Whether this is the all-zero box.
  public var isNone: Bool { numbers.allSatisfy { $0 == 0 } }
  /// The edges as `[x0, y0, x1, y1]`.
  public var numbers: [Float] { [x0, y0, x1, y1] }
  /// The box's area as a fraction of the image's area; 0 for reversed boxes.
  public var area: Float { max(0, x1 - x0) * max(0, y1 - y0) }

  /// The box itself, if it is valid: all zeros, or finite, inside 0…1, not reversed and with an area above zero.
  ///
  /// - Parameter name: The box's name in the error message.
  /// - Throws: ``AnalysisError/invalidBox(name:numbers:problem:)``.
  public func validated(as name: String = "box") throws -> Box {
    let problem: AnalysisError.BoxProblem
    if !numbers.allSatisfy(\.isFinite) {
      problem = .notFinite
    } else if isNone {
      return self
    } else if !numbers.allSatisfy({ (0...1).contains($0) }) {
      problem = .outside
    } else if x1 < x0 || y1 < y0 {
      problem = .reversed
    } else if x1 == x0 || y1 == y0 {
      problem = .zeroArea
    } else {
      return self
    }
    throw AnalysisError.invalidBox(name: name, numbers: numbers, problem: problem)
  }

  /// The positions of an h × w feature map that are inside: `floor(x0·w) ≤ x < ceil(x1·w)`, likewise for y. Stops the
  /// program if a number is NaN or infinite.
  ///
  /// The products are computed in float32, as published: in double precision, some boxes would get other cells.
  public func cells(height: Int, width: Int) -> Cells {
    guard numbers.allSatisfy(\.isFinite) else { fail("Box.cells: expected finite numbers, found \(self)") }
    func range(_ start: Float, _ end: Float, _ side: Int) -> Range<Int> {
      let limit = Float(side)
      let first = Int(min(max((start * limit).rounded(.down), 0), limit))
      let last = Int(min(max((end * limit).rounded(.up), 0), limit))
      return first..<max(first, last)
    }
    return Cells(rows: range(y0, y1, height), columns: range(x0, x1, width))
  }

  /// The box as a mask, 1 in its ``cells(height:width:)`` and 0 elsewhere: [h, w].
  public func mask(height: Int, width: Int) -> Tensor {
    let inside = cells(height: height, width: width)
    var values = [Float](repeating: 0, count: height * width)
    for y in inside.rows {
      for x in inside.columns { values[y * width + x] = 1 }
    }
    return Tensor(values, shape: [height, width])
  }

  /// The fraction of each cell of an h × w feature map that the box covers: [h, w].
  public func coverage(height: Int, width: Int) -> Tensor {
    func along(_ start: Float, _ end: Float, _ side: Int) -> [Float] {
      (0..<side).map { cell in
        let (low, high) = (Double(cell) / Double(side), Double(cell + 1) / Double(side))
        return Float(max(0, min(Double(end), high) - max(Double(start), low)) * Double(side))
      }
    }
    let (rows, columns) = (along(y0, y1, height), along(x0, x1, width))
    return Tensor(rows.flatMap { row in columns.map { row * $0 } }, shape: [height, width])
  }

  /// The area of two boxes' intersection, divided by the area of their union; nil if both boxes have no area.
  public func intersectionOverUnion(with other: Box) -> Double? {
    func area(_ x0: Float, _ y0: Float, _ x1: Float, _ y1: Float) -> Double {
      max(0, Double(x1) - Double(x0)) * max(0, Double(y1) - Double(y0))
    }
    let shared = area(max(x0, other.x0), max(y0, other.y0), min(x1, other.x1), min(y1, other.y1))
    let union = area(x0, y0, x1, y1) + area(other.x0, other.y0, other.x1, other.y1) - shared
    return union > 0 ? shared / union : nil
  }

  public var description: String { "Box(\(x0), \(y0), \(x1), \(y1))" }
}

/// A rectangle of feature map positions.
public struct Cells: Sendable, Equatable {
  public var rows: Range<Int>
  public var columns: Range<Int>

  public init(rows: Range<Int>, columns: Range<Int>) {
    self.rows = rows
    self.columns = columns
  }

  public var isEmpty: Bool { rows.isEmpty || columns.isEmpty }
  public var count: Int { rows.count * columns.count }
  public func contains(row: Int, column: Int) -> Bool { rows.contains(row) && columns.contains(column) }
}

extension Box {
  /// The box whose ``cells(height:width:)`` on an h × w map are exactly `cells`; all zeros if `cells` is empty.
  public init(around cells: Cells, height: Int, width: Int) {
    guard !cells.isEmpty else {
      self = .none
      return
    }
    // A quotient that is rounded the wrong way would include the next cell; then the neighbouring float is taken.
    func start(_ cell: Int, _ side: Int) -> Float {
      let edge = Float(cell) / Float(side)
      return edge * Float(side) < Float(cell) ? edge.nextUp : edge
    }
    func end(_ cell: Int, _ side: Int) -> Float {
      let edge = Float(cell) / Float(side)
      return edge * Float(side) > Float(cell) ? edge.nextDown : edge
    }
    self.init(
      start(cells.columns.lowerBound, width), start(cells.rows.lowerBound, height),
      end(cells.columns.upperBound, width), end(cells.rows.upperBound, height))
  }

  /// The smallest box around the cells of a mask [h, w] that are above 0; all zeros for an empty mask. Stops the
  /// program if there is more than one mask.
  public init(around mask: Tensor) {
    let size = mask.mapSize("Box(around:)")
    guard size.maps == 1 else { fail("Box(around:): expected one mask [h, w], found \(mask.shape)") }
    var rows: ClosedRange<Int>?
    var columns: ClosedRange<Int>?
    mask.withUnsafeBuffer { buffer in
      for y in 0..<size.height {
        for x in 0..<size.width where buffer[y * size.width + x] > 0 {
          rows = min(rows?.lowerBound ?? y, y)...max(rows?.upperBound ?? y, y)
          columns = min(columns?.lowerBound ?? x, x)...max(columns?.upperBound ?? x, x)
        }
      }
    }
    guard let rows, let columns else {
      self = .none
      return
    }
    self.init(around: Cells(rows: Range(rows), columns: Range(columns)), height: size.height, width: size.width)
  }
}
