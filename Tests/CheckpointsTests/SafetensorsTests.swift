import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file with a given header and data.
  private func file(_ header: String, _ data: [UInt8] = [], length: UInt64? = nil) throws -> String {
    let text = Array(header.utf8)
    let count = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { [UInt8]($0) }
    return try folder.write(count + text + data, as: "t.safetensors")
  }

  @Test(arguments: ElementType.allCases)
  func everyTypeIsReadBack(type: ElementType) throws {
    let a = Tensor([0, 1, 1, 0, 1, 0], shape: [2, 3])
    let path = folder.file("a.safetensors")
    try SafetensorsFile.write(
      [("b", .zeros([0, 4])), ("a", a), ("s", Tensor(1))], as: type, metadata: ["k": "v"], to: path)
    let checkpoint = try Checkpoint(path)
    #expect(checkpoint.keys == ["a", "b", "s"])
    #expect(checkpoint.elementType(of: "a") == type)
    #expect(try checkpoint.stored("a").tensor == a)
    #expect(try checkpoint.stored("b").tensor.shape == [0, 4])
    #expect(try checkpoint.stored("s").tensor.item == 1)
    #expect(checkpoint.metadata == ["k": "v"])
    #expect(folder.contents == ["a.safetensors"])
  }

  @Test func halvesAreRoundedToNearestEven() throws {
    let path = folder.file("h.safetensors")
    let values: [Float] = [1 + 1.0 / 2048, 1 + 3.0 / 2048, 1 + 1.0 / 256, 1 + 3.0 / 256, -70000, 3e-8]
    try SafetensorsFile.write([("x", Tensor(values, shape: [6]))], as: .float16, to: path)
    #expect(try Checkpoint(path).stored("x").tensor.values == values.map { Float(Float16($0)) })
    try SafetensorsFile.write([("x", Tensor(values, shape: [6]))], as: .bfloat16, to: path)
    #expect(try Checkpoint(path).stored("x").tensor.values.prefix(4) == [1, 1, 1, 1.015625])
  }

  @Test func shardsAreReadThroughTheirIndex() throws {
    var numbers = TestNumbers(1)
    let tensors = (0..<5).map { (key: "t\($0)", tensor: numbers.tensor([7, $0 + 1])) }
    try SafetensorsFile.writeSharded(tensors, limit: 300, stem: "model", in: folder.path)
    #expect(folder.contents.count > 2)
    let checkpoint = try Checkpoint(folder.path)
    for (key, tensor) in tensors { #expect(try checkpoint.stored(key).tensor == tensor) }
    let shard = try #require(folder.contents.first { $0.hasPrefix("model-00002") })
    try FileManager.default.removeItem(atPath: folder.file(shard))
    #expect(throws: CheckpointError.self) { try Checkpoint(folder.path) }
  }

  @Test func onlyRequestedTensorsAreRead() throws {
    // Eight gigabytes of zeros, which a sparse file does not store, followed by four numbers.
    let size = 8 << 30
    let path = try file(
      #"{"a":{"dtype":"F16","shape":[\#(size / 2)],"data_offsets":[0,\#(size)]},"#
        + #""b":{"dtype":"F32","shape":[4],"data_offsets":[\#(size),\#(size + 16)]}}"#)
    let header = try bytes(of: path).count
    guard truncate(path, header + size + 16) == 0 else { return }
    func residentPages() throws -> Int {
      let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
      return Int(fields[1]) ?? 0
    }
    let before = try residentPages()
    let checkpoint = try Checkpoint(path)
    #expect(checkpoint.shape(of: "a") == [size / 2])
    #expect(try checkpoint.stored("b").tensor == .zeros([4]))
    #expect(try residentPages() - before < 1 << 18, "takes less than one gigabyte, whatever other tests do meanwhile")
  }

  @Test func variantsOfAFolderAreChosenByName() throws {
    func write(_ name: String, _ value: Float) throws {
      try SafetensorsFile.write([("x", Tensor([value], shape: [1]))], to: folder.file(name))
    }
    try write("model.fp16.safetensors", 16)
    #expect(try Checkpoint(folder.path).stored("x").tensor.item == 16)
    try write("model.safetensors", 32)
    #expect(try Checkpoint(folder.path).stored("x").tensor.item == 32)
    #expect(try Checkpoint(folder.path, variant: "fp16").stored("x").tensor.item == 16)
    #expect(throws: CheckpointError.self) { try Checkpoint(folder.path, variant: "int8") }
  }

  @Test func missingKeysAreNamed() throws {
    let path = folder.file("a.safetensors")
    try SafetensorsFile.write([("a", Tensor(1))], to: path)
    #expect(throws: CheckpointError.missingKey(path: path, key: "b")) { try Checkpoint(path).stored("b") }
    #expect(throws: CheckpointError.self) { try Checkpoint(folder.file("none.safetensors")) }
    // Opening a pipe would block forever.
    #expect(mkfifo(folder.file("pipe.bin"), 0o600) == 0)
    #expect(throws: CheckpointError.self) { try Checkpoint(folder.file("pipe.bin")) }
  }

  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4),  // too little data
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 12),  // too much
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4),  // a different size
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),  // a gap
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8
    ),
    (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#, 8),  // overflows
    (#"{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}"#, 8),
    (#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, 8),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9e30]}}"#, 8),
    (#"{"a":[]}"#, 0), ("[]", 0), (#"{"a":{"dtype":"F32","shape":[2]}}"#, 8), (#"{"a":"#, 0),
    (#"{"__metadata__":{"a":1}}"#, 0),
  ])
  func brokenHeadersAreRefused(header: String, bytes: Int) throws {
    let path = try file(header, [UInt8](repeating: 0, count: bytes))
    let error = #expect(throws: (any Error).self) { try Checkpoint(path) }
    #expect(error is CheckpointError || error is JSONError)
  }

  @Test(arguments: [0, 1, 3, 1 << 20, 100_000_001, UInt64(1) << 63, .max])
  func absurdHeaderLengthsAreRefused(length: UInt64) throws {
    let path = try file("{}", length: length)
    #expect(throws: CheckpointError.self) { try Checkpoint(path) }
  }

  @Test func everyTruncationIsRefused() throws {
    let path = folder.file("a.safetensors")
    try SafetensorsFile.write([("a", .ones([3, 2])), ("b", .ones([4]))], to: path)
    let whole = try bytes(of: path)
    for count in 0..<whole.count {
      let cut = try folder.write(Array(whole[..<count]), as: "cut.safetensors")
      #expect(throws: (any Error).self) { try Checkpoint(cut) }
    }
  }

  @Test func failedWritesLeaveNothing() throws {
    #expect(throws: CheckpointError.self) {
      try SafetensorsFile.write([("a", Tensor(1))], to: folder.file("no/such/folder.safetensors"))
    }
    let writer = try SafetensorsWriter(
      folder.file("x.safetensors"), entries: [.init(key: "a", elementType: .float32, shape: [2])])
    #expect(throws: CheckpointError.self) { try writer.append(Tensor.ones([3])) }
    #expect(throws: CheckpointError.self) { try writer.finish() }
    withExtendedLifetime(writer) {}
    #expect(!folder.contents.contains("x.safetensors"))
  }

  @Test func aFullDiskLeavesNothing() throws {
    // A device that is always full.
    let full = open("/dev/full", O_WRONLY)
    guard full >= 0 else { return }
    let entry = SafetensorsWriter.Entry(key: "a", elementType: .float32, shape: [100, 100])
    let error = #expect(throws: CheckpointError.self) {
      try SafetensorsWriter(folder.file("full.safetensors"), entries: [entry], metadata: [:], into: full)
        .append(.ones([100, 100]))
    }
    #expect("\(try #require(error))".contains("No space left"))
    #expect(folder.contents.isEmpty)
  }

  @Test func filesHaveNoNameBeforeTheyAreComplete() throws {
    let path = folder.file("late.safetensors")
    let writer = try SafetensorsWriter(path, entries: [.init(key: "a", elementType: .float32, shape: [2])])
    try writer.append(.ones([2]))
    // A program that is killed here leaves nothing.
    #expect(folder.contents.isEmpty)
    try writer.finish()
    #expect(folder.contents == ["late.safetensors"])
    #expect(try Checkpoint(path).stored("a").tensor == .ones([2]))
  }

  @Test func hashesAreSHA256() throws {
    #expect(SHA256.hash(of: "") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(SHA256.hash(of: "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let long = String(repeating: "a", count: 1_000_000)
    #expect(SHA256.hash(of: long) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    let path = folder.file("a.safetensors")
    try SafetensorsFile.write([("a", Tensor(1))], to: path)
    let first = try Checkpoint(path).hash()
    try SafetensorsFile.write([("a", Tensor(2))], to: path)
    #expect(try Checkpoint(path).hash() != first)
  }
}
