import Tensors

/// A mask drawn with one string per row: "#" is inside, anything else outside.
func mask(_ rows: String...) -> Tensor {
  Tensor(rows.flatMap { $0.map { $0 == "#" ? Float(1) : 0 } }, shape: [rows.count, rows[0].count])
}
