import Foundation
import Tensors
import Testing

/// An operation that returns the wrong gradients stops with a message that names it; none of them is lost in silence.
@Suite struct TapeCheckTests {
  private static let pair = [Tape.variable(Tensor([1, 2], shape: [2])), Tape.variable(Tensor([3, 4], shape: [2]))]

  /// Runs the backward pass of an operation on two inputs that returns these gradients.
  private static func differentiate(_ operation: StaticString, _ gradients: @escaping (Tensor) -> [Tensor?]) {
    let result = Tensor.ones([2]).recorded(operation, from: pair, gradients)
    _ = Tape.gradients(of: result.sum(), for: pair)
  }

  private func text(_ result: ExitTest.Result?) throws -> String {
    String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
  }

  @Test func tooFewGradients() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      Self.differentiate("half") { [$0] }
    }
    #expect(try text(result).contains("half: expected a gradient for each of 2 inputs, found 1"))
  }

  @Test func tooManyGradients() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      Self.differentiate("threefold") { [$0, $0, nil] }
    }
    #expect(try text(result).contains("threefold: expected a gradient for each of 2 inputs, found 3"))
  }

  @Test func noGradientForARecordedInput() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      Self.differentiate("forgetful") { [$0, nil] }
    }
    #expect(try text(result).contains("forgetful: input 1 is recorded"))
  }

  @Test func aGradientOfADifferentShape() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      Self.differentiate("flat") { [$0, $0.reshaped([1, 2])] }
    }
    #expect(try text(result).contains("flat: input 1 has shape [2], its gradient [1, 2]"))
  }

  @Test func inputsThatAreNotRecordedNeedNone() {
    let x = Self.pair[0]
    let result = Tensor.ones([2]).recorded("partial", from: [x, .ones([3])]) { [$0 * 5, nil] }
    #expect(Tape.gradients(of: result.sum(), for: [x])[0].values == [5, 5])
    #expect(!Tensor.ones([2]).recorded("constant", from: [.ones([3])]) { _ in [] }.isRecorded)
  }
}
