import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// Files that `torch.load(weights_only=True)` of PyTorch 2.15 reads.
@Suite struct PickleKindsTests {
  private func open(_ name: String) throws -> Checkpoint { try Checkpoint(SavedFiles.path("\(name).pt")) }

  /// 0, 1, … 5 plus a number, `[2, 3]`.
  private func counted(_ first: Float = 0) -> Tensor { Tensor((0..<6).map { Float($0) + first }, shape: [2, 3]) }

  @Test func keysThatAreNoTextAreNamed() throws {
    let four = try open("t_keys")
    #expect(four.keys == ["('a', 'b')", "0", "1.5", "True"])
    for key in four.keys { #expect(try four.stored(key).tensor.values == (0..<24).map { Float($0) }) }
    // Different keys whose names are equal get a number.
    let checkpoint = try open("keys")
    let expected: [(String, Float)] = [
      ("1", 0), ("1 (2)", 1), ("b'k'", 2), ("None", 3), ("(1, ('x', 2.5))", 4), ("n.m", 5), ("n.m (2)", 6), ("-3", 7),
      ("False", 8),
    ]
    #expect(checkpoint.keys == expected.map(\.0).sorted())
    for (key, first) in expected { #expect(try checkpoint.stored(key).tensor == counted(first), "\(key)") }
  }

  @Test func newerFunctionsAndAttributesAreRead() throws {
    #expect(try open("t_attr").stored("a").tensor.values == (0..<24).map { Float($0) })
    let third = try open("t_v3")
    #expect(third.keys == ["a", "f8", "u"] && third.shape(of: "u") == [2])
    #expect(third.storedType(of: "u")?.name == "uint16" && third.storedType(of: "f8")?.name == "float8_e4m3fn")
    #expect(try third.stored("a").tensor.shape == [2, 3, 4])
    let parameters = try open("parameters")
    for key in ["p", "q"] { #expect(try parameters.stored(key).tensor == counted()) }
    #expect(try parameters.stored("b").tensor == counted(1))
    #expect(try parameters.stored("t").tensor == Tensor([0, 3, 1, 4, 2, 5], shape: [3, 2]))
    #expect(try parameters.stored("e").tensor == Tensor([0, 1, 2, 0, 1, 2, 0, 1, 2], shape: [3, 3]))
  }

  @Test func tensorsOfOtherKindsAreListedAndRefusedOnUse() throws {
    let checkpoint = try open("types")
    let types = [
      "c": "complex64", "conj": "complex64 (negated or conjugated)", "imag": "float32 (negated or conjugated)",
      "f8": "float8_e5m2", "u32": "uint32", "sparse": "float32 (sparse)", "csr": "float32 (sparse)",
      "meta": "float32 (without values, on device meta)", "q": "qint8",
    ]
    #expect(Set(checkpoint.keys) == Set(types.keys).union(["w"]))
    for (key, type) in types {
      #expect(checkpoint.storedType(of: key)?.name == type && checkpoint.elementType(of: key) == nil)
      let error = #expect(throws: CheckpointError.self) { try checkpoint.stored(key) }
      #expect("\(try #require(error))".contains("'\(key)' of type \(type)"))
    }
    #expect(checkpoint.shape(of: "sparse") == [3, 3] && checkpoint.shape(of: "meta") == [2, 5])
    #expect(try checkpoint.stored("w").tensor == counted())
  }

  @Test func valuesThatJSONDoesNotHaveAreTexts() throws {
    let checkpoint = try open("values")
    #expect(checkpoint.scalars["plain.device"] == "cuda:1")
    #expect(checkpoint.scalars["plain.type"] == "torch.float16")
    #expect(checkpoint.scalars["plain.size"] == [2, 3] && checkpoint.scalars["plain.names"] == ["b"])
    #expect(checkpoint.scalars["plain.number"] == "complex(1.0, 2.0)")
    #expect(checkpoint.scalars["plain.raw"] == #"b'ab\x00'"# && checkpoint.scalars["plain.bytes"] == "b'xy'")
    #expect(checkpoint.scalars["plain.counts.a"] == 2)
    #expect(try checkpoint.stored("w").tensor == counted())
  }

  @Test func theLegacyFormatHasOtherTypesToo() throws {
    let checkpoint = try open("legacy")
    #expect(try checkpoint.stored("w").tensor == counted())
    #expect(checkpoint.storedType(of: "c")?.name == "complex64")
  }

  @Test func deflatedRecordsAreRead() throws {
    let checkpoint = try open("deflated")
    #expect(try checkpoint.stored("a").tensor == counted() && checkpoint.elementType(of: "a") == .float16)
    #expect(try checkpoint.stored("big").tensor == .zeros([2, 256]))
    #expect(checkpoint.scalars["n"] == 7)
    let mixed = try checkpoint.stored("mix").withBytes { [UInt8]($0) }
    #expect(mixed == Self.repetitive(60_000))
  }

  /// Bytes that repeat earlier ones at all lengths and distances, as the file's tensor `mix` has them.
  private static func repetitive(_ count: Int) -> [UInt8] {
    var state = 1
    func next() -> Int {
      state = (state * 1_103_515_245 + 12345) & 0x7fff_ffff
      return state >> 16
    }
    var bytes: [UInt8] = []
    while bytes.count < count {
      let length = 1 + next() % 260
      if bytes.isEmpty || next() % 4 == 0 {
        for _ in 0..<min(length, 8) { bytes.append(UInt8(next() % 256)) }
      } else {
        let distance = 1 + next() % min(bytes.count, 32768)
        for _ in 0..<length { bytes.append(bytes[bytes.count - distance]) }
      }
    }
    return Array(bytes.prefix(count))
  }

  /// Reading a deflated file with a damaged byte yields an error or a value, never a crash.
  @Test func damagedDeflatedRecordsAreErrors() throws {
    let folder = try TemporaryFolder()
    let whole = try bytes(of: SavedFiles.path("deflated.pt"))
    var refused = 0
    for position in stride(from: 0, to: whole.count, by: 3) {
      var damaged = whole
      damaged[position] ^= 0x15
      let path = try folder.write(damaged, as: "d.pt")
      do {
        let checkpoint = try Checkpoint(path)
        for key in checkpoint.keys { _ = try checkpoint.stored(key) }
      } catch is CheckpointError {
        refused += 1
      }
    }
    #expect(refused > whole.count / 12)
  }
}
