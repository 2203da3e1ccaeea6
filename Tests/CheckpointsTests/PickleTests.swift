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
  func readsWhatPyTorchWrote(name: String) throws {
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

  /// The beginning of a pickle in the older form, then the given instructions.
  private func plain(_ instructions: [UInt8]) throws -> String {
    let magic: [UInt8] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
    let version: [UInt8] = [0x80, 2, 0x4d, 0xe9, 3, 0x2e]
    let system: [UInt8] = [0x80, 2, 0x7d, 0x2e]
    return try folder.write(magic + version + system + instructions, as: "p.bin")
  }

  @Test(arguments: [
    "os\nsystem", "builtins\neval", "torch\nload", "numpy.core.multiarray\n_reconstruct", "__builtin__\ngetattr",
  ])
  func forbiddenGlobalsAreNamed(name: String) throws {
    let path = try plain([0x80, 2, 0x63] + Array(name.utf8) + [0x0a, 0x28, 0x74, 0x52, 0x2e])
    #expect(throws: CheckpointError.forbidden(path: path, what: "'\(name.replacing("\n", with: "."))'")) {
      try Checkpoint(path)
    }
  }

  @Test func forbiddenInstructionsAreRefused() throws {
    // INST, OBJ, NEWOBJ, EXT1, PERSID, READONLY_BUFFER.
    for code: UInt8 in [0x69, 0x6f, 0x81, 0x82, 0x50, 0x98] {
      let path = try plain([0x80, 2, 0x29, 0x29, code, 0x61, 0x0a, 0x2e])
      #expect(throws: CheckpointError.self, "0x\(String(code, radix: 16))") { try Checkpoint(path) }
    }
  }

  @Test func deepAndCircularNestingEndsInAnError() throws {
    // A million tuples inside each other.
    let deep = try plain([0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2e, 0x80, 2, 0x5d, 0x2e])
    #expect(throws: CheckpointError.self) { try Checkpoint(deep) }
    // A list that holds itself.
    let circle = try plain([0x80, 2, 0x5d, 0x71, 0, 0x68, 0, 0x61, 0x2e, 0x80, 2, 0x5d, 0x2e])
    #expect(throws: CheckpointError.self) { try Checkpoint(circle) }
    // Lists of ten references each to the next: 10¹² leaves.
    var bomb: [UInt8] = [0x80, 2, 0x5d, 0x71, 0]
    for level in 1...12 {
      bomb += [0x5d, 0x28] + (0..<10).flatMap { _ in [0x68, UInt8(level - 1)] } + [0x65, 0x71, UInt8(level)]
    }
    let wide = try plain(bomb + [0x2e, 0x80, 2, 0x5d, 0x2e])
    #expect(throws: CheckpointError.self) { try Checkpoint(wide) }
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
    file[directory + 10] = 8
    let path = try folder.write(file, as: "z.bin")
    #expect {
      try Checkpoint(path)
    } throws: { error in
      if case CheckpointError.unsupported? = error as? CheckpointError { true } else { false }
    }
  }
}
