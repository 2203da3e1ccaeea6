import CKernels
import Tensors
import TestSupport
import Testing

@Suite struct BackendTests {
  /// OpenBLAS, and oneDNN in both precisions if it is installed.
  private static let installed = Backend.allCases.filter { $0 == .openBLAS || Backend.hasOneDNN }

  @Test(arguments: installed) func productsAreRight(backend: Backend) throws {
    try Tensor.checkMatrixProducts(by: backend)
  }

  @Test func theDescriptionNamesWhatMultiplies() {
    let name = Backend.chosen == .openBLAS ? "OpenBLAS " : "oneDNN "
    #expect(Backend.description.hasPrefix(name))
    #expect(Backend.description.contains("bfloat16") == (Backend.chosen == .bfloat16))
  }

  /// alpha·A·B + beta·C for part of a wider matrix C, in every combination of transpositions.
  @Test(.enabled(if: Backend.hasOneDNN), arguments: [false, true], [false, true])
  func scaledProductsOfParts(isTransposed: Bool, otherIsTransposed: Bool) {
    var numbers = TestNumbers(4)
    let (rows, columns, inner, wide) = (7, 9, 33, 40)
    func values(_ count: Int) -> [Float] { numbers.tensor([count], in: -1...1).values }
    let (a, b, c) = (values(wide * wide), values(wide * wide), values(rows * wide))
    func value(_ x: [Float], _ row: Int, _ column: Int, _ turned: Bool) -> Double {
      Double(turned ? x[column * wide + row] : x[row * wide + column])
    }
    for (alpha, beta) in [(Float(1), Float(0)), (0.5, 1), (2, -0.25)] {
      var found = c
      let done = found.withUnsafeMutableBufferPointer { found in
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            msd_onednn_multiply(
              msd_operand(values: a.baseAddress, stride: Int64(wide), is_transposed: isTransposed ? 1 : 0),
              msd_operand(values: b.baseAddress, stride: Int64(wide), is_transposed: otherIsTransposed ? 1 : 0),
              msd_float32, found.baseAddress, Int64(wide), Int64(rows), Int64(columns), Int64(inner), alpha, beta)
          }
        }
      }
      #expect(done == 1)
      for row in 0..<rows {
        for column in 0..<wide {
          let old = Double(c[row * wide + column])
          let sum = (0..<inner).reduce(0.0) {
            $0 + value(a, row, $1, isTransposed) * value(b, $1, column, otherIsTransposed)
          }
          let expected = column < columns ? Double(alpha) * sum + Double(beta) * old : old
          #expect(abs(Double(found[row * wide + column]) - expected) < 1e-4)
        }
      }
    }
  }

  @Test func roundingToBFloat16() {
    // 1 + 2⁻⁸ lies in the middle of two numbers and goes to the even one; 1 + 3·2⁻⁸ does too.
    let given: [Float] = [
      0, -0.0, 1, 1 + 0x1p-8, 1 + 0x1.8p-8, 1 + 0x3p-8, -3.14159, .infinity, -.infinity, .greatestFiniteMagnitude,
      0x1p-140, 65504,
    ]
    let expected: [UInt16] = [
      0, 0x8000, 0x3f80, 0x3f80, 0x3f81, 0x3f82, 0xc049, 0x7f80, 0xff80, 0x7f80, 0, 0x4780,
    ]
    var (found, plain) = ([UInt16](repeating: 7, count: given.count), [UInt16](repeating: 7, count: given.count))
    msd_to_bfloat16(given, &found, Int64(given.count))
    msd_to_bfloat16_scalar(given, &plain, Int64(given.count))
    #expect(plain == found)
    for (index, number) in expected.enumerated() where given[index] != 0x1p-140 { #expect(found[index] == number) }
    var nan: [UInt16] = [0]
    msd_to_bfloat16([.nan], &nan, 1)
    #expect(nan[0] & 0x7f80 == 0x7f80 && nan[0] & 0x7f != 0)
  }
}
