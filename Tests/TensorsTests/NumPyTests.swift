import Tensors
import TestSupport
import Testing

@Suite struct NumPyTests {
  private func file(_ header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let length = UInt32(header.utf8.count)
    let size =
      version == 1
      ? [UInt8(length & 0xff), UInt8(length >> 8)] : withUnsafeBytes(of: length.littleEndian) { [UInt8]($0) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + Array(header.utf8) + data
  }

  @Test(arguments: [[], [3], [2, 3], [0, 4], [1, 2, 5]])
  func arraysComeBack(shape: [Int]) throws {
    var numbers = TestNumbers(1)
    let tensor = numbers.tensor(shape)
    let folder = try TemporaryFolder()
    try NumPyFile.write(tensor, to: folder.file("a.npy"))
    #expect(try NumPyFile.read(folder.file("a.npy")).tensor == tensor)
    let bytes = try bytes(of: folder.file("a.npy"))
    #expect((bytes.count - tensor.count * 4) % 64 == 0)
  }

  /// Headers as NumPy itself writes them.
  @Test func typesOrdersAndVersions() throws {
    let columns = file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", [1, 2, 3, 4, 5, 6])
    #expect(try NumPyFile.read(columns, path: "x").tensor == Tensor([1, 3, 5, 2, 4, 6], shape: [2, 3]))
    let doubles = [1.5, -2].withUnsafeBytes { [UInt8]($0) }
    let second = file("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", doubles, version: 2)
    #expect(try NumPyFile.read(second, path: "x").tensor.values == [1.5, -2])
  }

  @Test(arguments: [
    "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "{'descr': '<f4', 'shape': (1,), }", "{}", "",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
  ])
  func brokenHeadersAreRefused(header: String) {
    #expect(throws: NumPyError.self) { try NumPyFile.read(file(header, [0, 0, 0, 0]), path: "x") }
    #expect(throws: NumPyError.self) { try NumPyFile.read([1, 2, 3], path: "x") }
  }
}
