import Synchronization
import Tensors
import TestSupport
import Testing

/// A computation that is recorded a second time, in the backward pass, has bit-identical gradients.
@Suite struct CheckpointingTests {
  private let x, weight, bias: Tensor

  init() {
    var numbers = TestNumbers(41)
    (x, weight, bias) = (numbers.tensor([3, 5], in: -1...1), numbers.tensor([5, 5]), numbers.tensor([5]))
  }

  /// Runs parts of a computation, with or without checkpoints.
  private struct Part {
    let checkpoints: Bool

    func callAsFunction(_ body: @escaping () -> [Tensor]) -> [Tensor] {
      checkpoints ? Tape.checkpointed(body) : body()
    }
  }

  private func compare(_ computation: ([Tensor], Part) -> Tensor, _ comment: Comment) {
    func gradients(_ part: Part) -> (Tensor, [Tensor]) {
      let variables = [x, weight, bias].map { Tape.variable($0) }
      let loss = computation(variables, part)
      return (loss.detached, Tape.gradients(of: loss, for: variables))
    }
    let (plain, checkpointed) = (gradients(Part(checkpoints: false)), gradients(Part(checkpoints: true)))
    #expect(plain.0 == checkpointed.0, comment)
    #expect(plain.1 == checkpointed.1, comment)
    #expect(plain.1[0].values.contains { $0 != 0 }, comment)
  }

  @Test func consecutiveLayers() {
    compare(
      { variables, part in
        var y = variables[0]
        for _ in 0..<3 {
          let input = y
          y = part { [input + input.linear(weight: variables[1], bias: variables[2]).silu()] }[0]
        }
        return y.square().sum()
      }, "residual layers that share a weight")
  }

  @Test func severalResults() {
    compare(
      { variables, part in
        let (x, weight) = (variables[0], variables[1])
        let results = part {
          let inner = x.matmul(weight)
          let outer = inner.layerNorm(weight: variables[2], bias: nil, epsilon: 1e-5)
          return [outer, inner, outer, x, .ones([5]), inner.exp()]
        }
        // The last result is not used; one is used three times, one is an input.
        let y = results[0] * results[1] + results[2].square() + results[0].sine() + results[3] * results[4] + x
        return (y + x.matmul(weight)).gelu().sum()
      }, "some used twice, some not at all")
  }

  @Test func nestedCheckpoints() {
    compare(
      { variables, part in
        let y = part {
          let inner = part { [variables[0].matmul(variables[1]).tanh()] }[0]
          return part { [inner.linear(weight: variables[1], bias: variables[2]), inner] }
        }
        return (y[0] * y[1] + variables[0]).square().sum()
      }, "nested")
  }

  /// A value that several bodies use is recorded once, and its gradient is the sum over all of them.
  @Test func valuesSharedBetweenBodies() {
    final class Cache { var kept: Tensor? }
    compare(
      { variables, part in
        let cache = Cache()
        func squared() -> Tensor {
          if let kept = cache.kept { return kept }
          let made = variables[1].matmul(variables[1])
          cache.kept = made
          return made
        }
        var y = variables[0]
        for _ in 0..<3 {
          let input = y
          y = part { [input.matmul(squared()).sine()] }[0]
        }
        return y.sum()
      }, "a product that is made once")
  }

  @Test func withoutVariablesNothingIsRecorded() {
    let y = Tape.checkpointed { x.exp() }
    #expect(!y.isRecorded && y == x.exp())
  }

  @Test func innerResultsAreReleased() {
    final class Owner: Sendable {}
    let runs = Atomic(0)
    let variable = Tape.variable(Tensor(2))
    let number = UnsafeMutablePointer<Float>.allocate(capacity: 1)
    number.initialize(to: 3)
    defer { number.deallocate() }
    weak var kept: Owner?
    // A factor is kept for the gradient of a product, and with it the owner of its memory.
    let body = {
      runs.add(1, ordering: .relaxed)
      let owner = Owner()
      kept = owner
      return variable * Tensor(shape: [], external: number, owner: owner)
    }
    let plain = body()
    #expect(kept != nil)
    #expect(Tape.gradients(of: plain, for: [variable])[0].item == 3)
    let checkpointed = Tape.checkpointed(body)
    #expect(kept == nil)
    #expect(runs.load(ordering: .relaxed) == 2)
    #expect(Tape.gradients(of: checkpointed, for: [variable])[0].item == 3)
    #expect(runs.load(ordering: .relaxed) == 3)
  }
}
