import Layers
import Tensors
import TestSupport
import Testing

@Suite struct LayerTests {
  @Test func scopesNameKeysAndErrors() throws {
    let source = TensorSource(["a.0.weight": .ones([3, 2])], name: "test weights")
    let scope = Scope(source)["a"]
    #expect(try Linear(scope[0], 2, 3, bias: false)(Tensor([1, 2], shape: [1, 2])).values == [3, 3, 3])
    #expect(throws: ParameterError.missing(key: "a.1.weight", shape: [3, 2], source: "test weights")) {
      try Linear(scope[1], 2, 3, bias: false)
    }
    #expect(
      throws: ParameterError.wrongShape(key: "a.0.weight", expected: [4, 2], found: [3, 2], source: "test weights")
    ) { try Linear(scope[0], 2, 4, bias: false) }
  }

  @Test func halfWeightsStayHalf() {
    let values: [Float16] = [0.5, -2, 3, 4, 5, 6]
    let stored = StoredTensor(shape: [3, 2], elementType: .float16, data: values.withUnsafeBytes { [UInt8]($0) })
    let parameter = Parameter("embedding", stored: stored)
    #expect(parameter.elementType == .float16)
    #expect(parameter.rows([2, 0]).values == [5, 6, 0.5, -2])
    #expect(parameter.elementType == .float16)
    #expect(parameter.value.values == [0.5, -2, 3, 4, 5, 6])
  }

  @Test func randomWeightsDependOnKeyAndSeedAlone() throws {
    let (one, other) = (RandomSource(seed: 4), RandomSource(seed: 4))
    let a = try one.parameter("a.weight", shape: [5, 7]).value
    _ = try other.parameter("b.weight", shape: [5, 7]).value
    #expect(try other.parameter("a.weight", shape: [5, 7]).value == a)
    #expect(try RandomSource(seed: 5).parameter("a.weight", shape: [5, 7]).value != a)
    #expect(try one.parameter("norm.weight", shape: [3]).value.values == [1, 1, 1])
  }
}
