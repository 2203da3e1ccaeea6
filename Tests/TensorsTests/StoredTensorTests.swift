import Tensors
import Testing

@Suite struct StoredTensorTests {
  private func bytes<Value>(_ values: [Value]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }

  @Test func everyTypeIsWidened() {
    let cases: [(ElementType, [UInt8], [Float])] = [
      (.float64, bytes([1.5, -2.25] as [Double]), [1.5, -2.25]), (.float32, bytes([0.1, 3] as [Float]), [0.1, 3]),
      (.float16, bytes([1.5, -0x1p-14] as [Float16]), [1.5, -0x1p-14]),
      (.bfloat16, bytes([0x3fc0, 0xc000] as [UInt16]), [1.5, -2]),
      (.int64, bytes([1 << 40, -3] as [Int64]), [1_099_511_627_776, -3]),
      (.int32, bytes([7, -8] as [Int32]), [7, -8]), (.int16, bytes([300, -300] as [Int16]), [300, -300]),
      (.int8, bytes([127, -128] as [Int8]), [127, -128]), (.uint8, [0, 255], [0, 255]), (.bool, [0, 2], [0, 1]),
    ]
    for (type, data, expected) in cases {
      let stored = StoredTensor(shape: [2, 1], elementType: type, data: data)
      #expect(stored.tensor.shape == [2, 1])
      #expect(stored.tensor.values == expected, "\(type)")
      if !type.isFloating { #expect(stored.integers.map { Float($0) } == expected, "\(type)") }
    }
  }

  @Test func halfKeepsItsSpecialValues() {
    let stored = StoredTensor(
      shape: [3], elementType: .float16, data: bytes([Float16.infinity, -.infinity, .nan] as [Float16]))
    #expect(stored.tensor.values[0] == .infinity)
    #expect(stored.tensor.values[1] == -.infinity)
    #expect(stored.tensor.values[2].isNaN)
  }

  @Test func emptyTensorsHaveNoValues() {
    #expect(StoredTensor(shape: [0, 4], elementType: .float32, data: []).tensor.values.isEmpty)
  }
}
