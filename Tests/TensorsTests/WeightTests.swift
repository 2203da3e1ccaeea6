import Tensors
import TestSupport
import Testing

/// Layers with weights in a stored type return the same bits as with the same numbers in float32.
@Suite struct WeightTests {
  private static func stored(_ shape: [Int], _ type: ElementType, seed: UInt64) -> StoredTensor {
    var numbers = TestNumbers(seed)
    let data = numbers.tensor(shape, in: -2...2).values.flatMap { value -> [UInt8] in
      let bits = type == .float16 ? Float16(value).bitPattern : UInt16(value.bitPattern >> 16)
      return [UInt8(bits & 0xff), UInt8(bits >> 8)]
    }
    return StoredTensor(shape: shape, elementType: type, data: data)
  }

  @Test(arguments: [ElementType.float16, .bfloat16])
  func linear(type: ElementType) {
    let weight = Self.stored([7, 5], type, seed: 1)
    var numbers = TestNumbers(2)
    let (x, bias) = (Tape.variable(numbers.tensor([2, 3, 5])), Tape.variable(numbers.tensor([7])))
    for bias in [bias, nil] {
      let (found, expected) = (
        x.linear(weight: .stored(weight), bias: bias), x.linear(weight: weight.tensor, bias: bias)
      )
      #expect(found == expected)
      let inputs = [x] + (bias.map { [$0] } ?? [])
      #expect(
        Tape.gradients(of: found.square().sum(), for: inputs)
          == Tape.gradients(of: expected.square().sum(), for: inputs))
    }
  }

  /// Numbers of other types than the two half ones, and half ones at an odd address, are widened too.
  @Test func everyTypeAndAddress() {
    let values: [Float] = (0..<40).map { Float($0 % 7) - 3 }
    var numbers = TestNumbers(3)
    let x = numbers.tensor([3, 8], in: -1...1)
    let expected = x.linear(weight: Tensor(values, shape: [5, 8]), bias: nil)
    let int8 = StoredTensor(shape: [5, 8], elementType: .int8, data: values.map { UInt8(bitPattern: Int8($0)) })
    #expect(x.linear(weight: .stored(int8), bias: nil) == expected)
    let halves = values.flatMap { value -> [UInt8] in
      let bits = Float16(value).bitPattern
      return [UInt8(bits & 0xff), UInt8(bits >> 8)]
    }
    let shifted = StoredTensor(shape: [81], elementType: .uint8, data: [0] + halves)
    shifted.withBytes { bytes in
      let odd = StoredTensor(
        shape: [5, 8], elementType: .float16, bytes: UnsafeRawBufferPointer(rebasing: bytes[1...]), owner: Owner())
      #expect(x.linear(weight: .stored(odd), bias: nil) == expected)
    }
  }

  private final class Owner {}

  /// So many numbers that they are widened in several blocks.
  @Test(.longNumeric) func largeLinear() {
    let weight = Self.stored([1500, 1100], .float16, seed: 5)
    var numbers = TestNumbers(6)
    let (x, bias) = (numbers.tensor([9, 1100], in: -1...1), numbers.tensor([1500]))
    for bias in [bias, nil] {
      let found = x.linear(weight: .stored(weight), bias: bias)
      #expect(found.isClose(to: x.linear(weight: weight.tensor, bias: bias), relative: 3e-6))
    }
  }

  @Test(arguments: [ElementType.float16, .bfloat16], [1, 3])
  func convolution(type: ElementType, kernel: Int) {
    let weight = Self.stored([4, 3, kernel, kernel], type, seed: 3)
    var numbers = TestNumbers(4)
    let (x, bias) = (Tape.variable(numbers.tensor([2, 3, 9, 8])), Tape.variable(numbers.tensor([4])))
    for bias in [bias, nil] {
      let (found, expected) = (
        x.conv2d(weight: .stored(weight), bias: bias, padding: kernel / 2),
        x.conv2d(weight: weight.tensor, bias: bias, padding: kernel / 2)
      )
      #expect(found == expected)
      let inputs = [x] + (bias.map { [$0] } ?? [])
      #expect(
        Tape.gradients(of: found.square().sum(), for: inputs)
          == Tape.gradients(of: expected.square().sum(), for: inputs))
    }
  }

  @Test func aWeightInTrainingIsRecorded() {
    let weight = Tape.variable(.ones([2, 3]))
    let y = Tensor.ones([1, 3]).linear(weight: .tensor(weight), bias: nil)
    #expect(y.isRecorded && Tape.gradients(of: y.sum(), for: [weight])[0] == .ones([2, 3]))
  }
}
