import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct PickleTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: ["mixed", "legacy"])
  func filesWrittenByPyTorchAreRead(name: String) throws {
    let checkpoint = try Checkpoint(Golden.path("reader/\(name).bin"))
    let expected = try Checkpoint(Golden.path("reader/expected.safetensors"))
    let keys = expected.keys.filter { $0.hasPrefix(name + "/") }
    #expect(!keys.isEmpty)
    #expect(checkpoint.keys == keys.map { String($0.dropFirst(name.count + 1)) }.sorted())
    for key in keys {
      let (found, golden) = (try checkpoint.stored(String(key.dropFirst(name.count + 1))), try expected.stored(key))
      #expect(found.tensor == golden.tensor, "\(key)")
    }
  }

  @Test func valuesThatAreNoTensorsAreKept() throws {
    let scalars = try Checkpoint(Golden.path("reader/mixed.bin")).scalars
    #expect(scalars["step"] == 1007)
    #expect(scalars["flags"] == [true, .null, 2.5])
  }

  @Test func bothFormsOfTheAdapterAgree() throws {
    let (pickled, plain) = (
      try Checkpoint(Golden.path("pipeline/ms_adapter.bin")),
      try Checkpoint(Golden.path("pipeline/ms_adapter.safetensors"))
    )
    #expect(pickled.keys == plain.keys)
    for key in plain.keys { #expect(try pickled.stored(key).tensor == plain.stored(key).tensor, "\(key)") }
  }

  /// A file in the legacy format: its beginning, then the given instructions.
  private func legacyFile(_ instructions: [UInt8]) throws -> String {
    let magic: [UInt8] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
    let version: [UInt8] = [0x80, 2, 0x4d, 0xe9, 3, 0x2e]
    let system: [UInt8] = [0x80, 2, 0x7d, 0x2e]
    return try folder.write(magic + version + system + instructions, as: "p.bin")
  }

  @Test(arguments: [
    "os\nsystem", "builtins\neval", "torch\nload", "numpy.core.multiarray\n_reconstruct", "__builtin__\ngetattr",
  ])
  func forbiddenGlobalsAreNamed(name: String) throws {
    let path = try legacyFile([0x80, 2, 0x63] + Array(name.utf8) + [0x0a, 0x28, 0x74, 0x52, 0x2e])
    #expect(throws: CheckpointError.forbidden(path: path, what: "'\(name.replacing("\n", with: "."))'")) {
      try Checkpoint(path)
    }
  }

  @Test func forbiddenInstructionsAreRefused() throws {
    // INST, OBJ, NEWOBJ, EXT1, PERSID, READONLY_BUFFER.
    for code: UInt8 in [0x69, 0x6f, 0x81, 0x82, 0x50, 0x98] {
      let path = try legacyFile([0x80, 2, 0x29, 0x29, code, 0x61, 0x0a, 0x2e])
      #expect(throws: CheckpointError.self, "0x\(String(code, radix: 16))") { try Checkpoint(path) }
    }
  }

  @Test func deepAndCircularNestingEndsInAnError() throws {
    // A million tuples inside each other.
    let deep = try legacyFile(
      [0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2e, 0x80, 2, 0x5d, 0x2e])
    #expect(throws: CheckpointError.self) { try Checkpoint(deep) }
    // A list that holds itself.
    let circle = try legacyFile([0x80, 2, 0x5d, 0x71, 0, 0x68, 0, 0x61, 0x2e, 0x80, 2, 0x5d, 0x2e])
    #expect(throws: CheckpointError.self) { try Checkpoint(circle) }
    // Nested lists, each with ten references to the one before: 10¹² leaves.
    var bomb: [UInt8] = [0x80, 2, 0x5d, 0x71, 0]
    for level in 1...12 {
      bomb += [0x5d, 0x28] + (0..<10).flatMap { _ in [0x68, UInt8(level - 1)] } + [0x65, 0x71, UInt8(level)]
    }
    let wide = try legacyFile(bomb + [0x2e, 0x80, 2, 0x5d, 0x2e])
    #expect(throws: CheckpointError.self) { try Checkpoint(wide) }
  }

  /// Instructions one after another.
  private func joined(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }

  /// Instructions repeated many times.
  private func repeated(_ count: Int, _ part: (Int) -> [UInt8]) -> [UInt8] { (0..<count).flatMap { part($0) } }

  /// Files of a few hundred kilobytes that would take gigabytes if every mention of a container were a copy.
  @Test func smallFilesDoNotTakeMuchMemory() throws {
    let end: [UInt8] = [0x2e, 0x80, 2, 0x5d, 0x2e]
    // One list of pairs, made into dictionaries again and again.
    let pairs = joined([0x80, 2, 0x4b, 1, 0x4b, 2, 0x86, 0x71, 1, 0x5d, 0x28], repeated(100_000) { _ in [0x68, 1] })
    let name = joined(
      [0x65, 0x71, 2, 0x63], Array("collections\nOrderedDict\n".utf8), [0x71, 3, 0x68, 2, 0x85, 0x71, 4])
    let copies = joined(pairs, name, repeated(1000) { _ in [0x68, 3, 0x68, 4, 0x52, 0x30] }, end)
    // A long key before many short ones.
    let inner = repeated(100_000) { [0x4a, UInt8($0 & 255), UInt8($0 >> 8 & 255), UInt8($0 >> 16), 0, 0x4e] }
    let long = joined([0x58, 0xa0, 0x0f, 0, 0], [UInt8](repeating: 0x61, count: 4000), [0x68, 1, 0x73])
    let keys = joined([0x80, 2, 0x7d, 0x28], inner, [0x75, 0x71, 1, 0x7d], long, end)
    // One list of numbers under many keys.
    let list = joined([0x80, 2, 0x5d, 0x28], repeated(100_000) { _ in [0x4b, 7] }, [0x65, 0x71, 1])
    let names = repeated(1000) { [0x4d, UInt8($0 & 255), UInt8($0 >> 8), 0x68, 1] }
    let lists = joined(list, [0x7d, 0x28], names, [0x75], end)
    for instructions in [copies, keys, lists] {
      let path = try legacyFile(instructions)
      let error = #expect(throws: CheckpointError.self) { try Checkpoint(path) }
      #expect("\(try #require(error))".contains("at most"))
    }
  }

  @Test func anEmptyTensorMayHaveAnySides() throws {
    func text(_ text: String) -> [UInt8] { joined([0x58, UInt8(text.utf8.count), 0, 0, 0], Array(text.utf8)) }
    func global(_ name: String) -> [UInt8] { joined([0x63], Array(name.utf8), [0x0a]) }
    let identity = joined(
      [0x28], text("storage"), global("torch\nFloatStorage"), text("0"), text("cpu"), [0x4b, 0, 0x74])
    // 0 × 2⁶² × 4 values.
    let shape: [UInt8] = [0x4b, 0, 0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x4b, 4, 0x87]
    let view = joined([0x51, 0x4b, 0], shape, [0x4b, 7, 0x4b, 4, 0x4b, 1, 0x87, 0x89, 0x7d, 0x74, 0x52])
    let tensor = joined(global("torch._utils\n_rebuild_tensor_v2"), [0x28], identity, view)
    let storages = joined([0x80, 2, 0x5d], text("0"), [0x61, 0x2e], [UInt8](repeating: 0, count: 8))
    let checkpoint = try Checkpoint(
      legacyFile(joined([0x80, 2, 0x7d], text("x"), tensor, [0x73, 0x2e], storages)))
    #expect(checkpoint.shape(of: "x") == [0, 1 << 62, 4])
    #expect(try checkpoint.stored("x").count == 0)
  }

  @Test(arguments: ["mixed.bin", "legacy.bin"])
  func truncationsAreRefused(name: String) throws {
    let whole = try bytes(of: Golden.path("reader/" + name))
    for count in stride(from: 0, to: whole.count - 1, by: 7) {
      let cut = try folder.write(Array(whole[..<count]), as: "cut.bin")
      #expect(throws: (any Error).self, "\(count) bytes") { try Checkpoint(cut) }
    }
  }

  @Test func compressedEntriesAreRefusedByName() throws {
    var file = try bytes(of: Golden.path("reader/mixed.bin"))
    let directory = try #require(file.indices.first { file[$0...].starts(with: [0x50, 0x4b, 1, 2]) })
    file[directory + 10] = 12  // bzip2
    let path = try folder.write(file, as: "z.bin")
    #expect {
      try Checkpoint(path)
    } throws: { error in
      if case CheckpointError.unsupported? = error as? CheckpointError { true } else { false }
    }
  }
}
