import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct NumPyArchiveTests {
  /// The bytes that `numpy.savez` of NumPy 2.4 wrote for `first`, float32 of shape (2, 3): 0, 0.25, … 1.25, and
  /// `zahlen`, int16 of shape (3, 2) in Fortran order: 1, -2, 3, 4, 5, -6.
  private static let published = decoded(
    """
    UEsDBC0AAAAAAAAAIQAKnACk//////////8JABQAZmlyc3QubnB5AQAQAJgAAAAAAAAAmAAAAAAAAACTTlVNUFkBAHYAeydkZXNjcic6ICc8Zj\
    QnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg\
    ICAgICAgICAgICAgICAgICAgICAgCgAAAAAAAIA+AAAAPwAAQD8AAIA/AACgP1BLAwQtAAAAAAAAACEAIvMfKP//////////CgAUAHphaGxlbi\
    5ucHkBABAAjAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxpMicsICdmb3J0cmFuX29yZGVyJzogVHJ1ZSwgJ3NoYXBlJzog\
    KDMsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAQADAAUA/v8EAPr/UE\
    sBAi0DLQAAAAAAAAAhAAqcAKSYAAAAmAAAAAkAAAAAAAAAAAAAAIABAAAAAGZpcnN0Lm5weVBLAQItAy0AAAAAAAAAIQAi8x8ojAAAAIwAAAAK\
    AAAAAAAAAAAAAACAAdMAAAB6YWhsZW4ubnB5UEsFBgAAAAACAAIAbwAAAJsBAAAAAA==
    """)
  /// The bytes that `numpy.savez_compressed` wrote.
  private static let compressed = decoded(
    """
    UEsDBC0AAAAIAAAAIQCp9psY//////////8FABQAYS5ucHkBABAAjAAAAAAAAABHAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6\
    Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GJAAAUEsBAi0DLQAAAAgAAAAhAKn2mxhHAAAAjAAAAAUAAAAAAAAAAAAA\
    AIABAAAAAGEubnB5UEsFBgAAAAABAAEAMwAAAH4AAAAAAA==
    """)

  private static func decoded(_ text: String) -> [UInt8] { [UInt8](Data(base64Encoded: text) ?? Data()) }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func archivesOfNumPyAreRead() throws {
    let tensors = try NumPyFile.readArchive(folder.write(Self.published, as: "published.npz"))
    #expect(tensors.keys.sorted() == ["first", "zahlen"])
    #expect(tensors["first"]?.tensor == Tensor([0, 0.25, 0.5, 0.75, 1, 1.25], shape: [2, 3]))
    #expect(tensors["zahlen"]?.shape == [3, 2])
    #expect(tensors["zahlen"]?.elementType == .int16)
    #expect(tensors["zahlen"]?.integers == [1, -2, 3, 4, 5, -6])
  }

  @Test func singleFilesHaveTheBytesThatNumPyWrites() throws {
    let path = folder.file("first.npy")
    try NumPyFile.write(Tensor([0, 0.25, 0.5, 0.75, 1, 1.25], shape: [2, 3]), to: path)
    #expect(Data(Self.published).range(of: Data(try bytes(of: path))) != nil)
  }

  @Test func compressedArchivesAreRefusedWithAnAlternative() throws {
    let path = try folder.write(Self.compressed, as: "compressed.npz")
    let error = try #require(throws: NumPyError.self) { try NumPyFile.readArchive(path) }
    #expect("\(error)".contains("'a.npy', compressed by method 8"))
    #expect("\(error)".contains("numpy.savez"))
  }

  @Test func writtenArraysAreReadBack() throws {
    var numbers = TestNumbers(5)
    let tensors = [
      (name: "map", tensor: numbers.tensor([2, 3, 5])), (name: "größe/2", tensor: Tensor(7)),
      (name: "empty", tensor: Tensor.zeros([0, 4])),
    ]
    let path = folder.file("several.npz")
    try NumPyFile.writeArchive(tensors, to: path)
    let read = try NumPyFile.readArchive(path)
    #expect(read.count == 3)
    for (name, tensor) in tensors { #expect(read[name]?.tensor == tensor, "\(name)") }
    let written = try bytes(of: path)
    try NumPyFile.writeArchive(tensors, to: path)
    #expect(try bytes(of: path) == written)
    #expect(folder.contents == ["several.npz"])
  }

  @Test func emptyArchivesAreValid() throws {
    try NumPyFile.writeArchive([], to: folder.file("none.npz"))
    #expect(try NumPyFile.readArchive(folder.file("none.npz")).isEmpty)
  }

  @Test func namesAreUniqueAndNotEmpty() throws {
    let one = Tensor(1)
    #expect(throws: NumPyError.self) { try NumPyFile.writeArchive([("a", one), ("a", one)], to: folder.file("x.npz")) }
    #expect(throws: NumPyError.self) { try NumPyFile.writeArchive([("", one)], to: folder.file("x.npz")) }
    #expect(folder.contents.isEmpty)
  }

  @Test func truncationsAreRefused() throws {
    for length in 0..<Self.published.count {
      let path = try folder.write(Array(Self.published[..<length]), as: "cut.npz")
      #expect(throws: NumPyError.self, "cut at \(length)") { try NumPyFile.readArchive(path) }
    }
  }

  /// A changed byte is an error, or it is in a field that is not read: times, attributes, names of local headers.
  @Test func aChangedByteNeverChangesANumber() throws {
    let whole = try NumPyFile.readArchive(folder.write(Self.published, as: "whole.npz"))
    let values = whole.mapValues { $0.tensor.values }
    var refused = 0
    for position in Self.published.indices {
      var changed = Self.published
      changed[position] ^= 0x41
      let path = try folder.write(changed, as: "changed.npz")
      do {
        let read = try NumPyFile.readArchive(path)
        #expect(read.values.allSatisfy { values.values.contains($0.tensor.values) }, "byte \(position)")
      } catch is NumPyError {
        refused += 1
      }
    }
    #expect(refused > Self.published.count / 2)
  }

  @Test func changedNumbersFailTheChecksum() throws {
    var changed = Self.published
    let header = Array("(2, 3), }".utf8)
    let position = try #require(changed.indices.first { changed[$0...].starts(with: header) })
    let newline = try #require(changed[position...].firstIndex(of: 0x0a))
    changed[newline + 7] ^= 1
    let path = try folder.write(changed, as: "changed.npz")
    let error = try #require(throws: NumPyError.self) { try NumPyFile.readArchive(path) }
    #expect("\(error)".contains("array 'first': contents: expected bytes with the stored checksum"))
  }

  /// Records that point to the same numbers would take many times the file's size in memory.
  @Test func recordsThatShareNumbersAreRefused() throws {
    let path = folder.file("apart.npz")
    try NumPyFile.writeArchive([("a", Tensor.ones([100])), ("b", Tensor.ones([100]))], to: path)
    var file = try bytes(of: path)
    let records = file.indices.filter { file[$0...].starts(with: [0x50, 0x4b, 1, 2]) }
    try #require(records.count == 2)
    for byte in 42..<46 { file[records[1] + byte] = file[records[0] + byte] }
    let shared = try folder.write(file, as: "shared.npz")
    #expect(throws: NumPyError.self) { try NumPyFile.readArchive(shared) }
  }
}
