import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct NumPyFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ header: String, _ numbers: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let text = Array((header + "\n").utf8)
    let length = [UInt8(text.count & 0xff), UInt8(text.count >> 8)] + (version == 1 ? [] : [0, 0])
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + numbers
  }

  private func header(_ type: String, _ shape: String, order: String = "False") -> String {
    "{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }"
  }

  private func raw<Value>(_ values: [Value]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }

  private func read(_ contents: [UInt8]) throws -> StoredTensor {
    try NumPyFile.read(folder.write(contents, as: "array.npy"))
  }

  @Test(arguments: [[], [5], [2, 3, 4], [1, 7], [0, 3], [12_345_678, 0]])
  func writtenTensorsAreReadBack(shape: [Int]) throws {
    var numbers = TestNumbers(4)
    let tensor = numbers.tensor(shape, in: -2...2)
    let path = folder.file("tensor.npy")
    try NumPyFile.write(tensor, to: path)
    let stored = try NumPyFile.read(path)
    #expect(stored.elementType == .float32)
    #expect(stored.tensor == tensor)
    #expect((try bytes(of: path).count - 4 * tensor.count) % 64 == 0)
    #expect(folder.contents == ["tensor.npy"])
  }

  @Test func specialValuesKeepTheirBits() throws {
    let values: [Float] = [.infinity, -.infinity, .nan, -0.0, .leastNonzeroMagnitude]
    let path = folder.file("special.npy")
    try NumPyFile.write(Tensor(values, shape: [5]), to: path)
    #expect(try NumPyFile.read(path).tensor.values.map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test func everyTypeKeepsItsNumbers() throws {
    let cases: [(String, ElementType, [UInt8], [Float])] = [
      ("<f8", .float64, raw([1.5, -2.25] as [Double]), [1.5, -2.25]),
      ("<f4", .float32, raw([0.1, 3] as [Float]), [0.1, 3]),
      ("=f4", .float32, raw([0.1, 3] as [Float]), [0.1, 3]),
      ("<f2", .float16, raw([1.5, -2] as [Float16]), [1.5, -2]),
      ("<i8", .int64, raw([1 << 40, -3] as [Int64]), [1_099_511_627_776, -3]),
      ("<i4", .int32, raw([7, -8] as [Int32]), [7, -8]), ("<i2", .int16, raw([300, -300] as [Int16]), [300, -300]),
      ("|i1", .int8, raw([127, -128] as [Int8]), [127, -128]), ("|u1", .uint8, [0, 255], [0, 255]),
      ("|b1", .bool, [0, 1], [0, 1]),
    ]
    for (name, type, numbers, expected) in cases {
      let stored = try read(file(header(name, "(2, 1)"), numbers))
      #expect(stored.elementType == type)
      #expect(stored.tensor == Tensor(expected, shape: [2, 1]), "\(name)")
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func allVersionsAreRead(version: UInt8) throws {
    // Keys in a different order, different quotation marks, no last comma, no spaces.
    let text = #"{"shape":(3,),"fortran_order":False,"descr":"|u1"}"#
    #expect(try read(file(text, [4, 5, 6], version: version)).integers == [4, 5, 6])
  }

  @Test func columnMajorNumbersAreReordered() throws {
    let shape = [2, 3, 4]
    // The value at (i, j, k) is ijk in decimal digits; the first axis varies fastest in the file.
    var (columns, rows): ([Int], [Int]) = ([], [])
    for k in 0..<4 { for j in 0..<3 { for i in 0..<2 { columns.append(100 * i + 10 * j + k) } } }
    for i in 0..<2 { for j in 0..<3 { for k in 0..<4 { rows.append(100 * i + 10 * j + k) } } }
    let cases: [(String, [UInt8])] = [
      ("<f8", raw(columns.map { Double($0) })), ("<i4", raw(columns.map { Int32($0) })),
      ("<f2", raw(columns.map { Float16($0) })), ("|u1", columns.map { UInt8($0) }),
    ]
    for (type, numbers) in cases {
      let stored = try read(file(header(type, "(2, 3, 4)", order: "True"), numbers))
      #expect(stored.tensor == Tensor(rows.map { Float($0) }, shape: shape), "\(type)")
    }
    #expect(try read(file(header("<i2", "(2,)", order: "True"), raw([1, 2] as [Int16]))).integers == [1, 2])
    #expect(try read(file(header("<i2", "(3, 0)", order: "True"), [])).shape == [3, 0])
  }

  @Test(arguments: [
    "(2)", "(2, -1)", "(2 2)", "(,)", "[2]", "2", "(2.0,)", "(True,)", "(2, 3", "(99999999999999999999,)",
    "(4611686018427387904, 4)", "(0, 4611686018427387904, 4)", "(4611686018427387904, 4, 0)", "(1000000000000,)",
    "(3,)", "(1,)", "(\(String(repeating: "1, ", count: 65)))",
  ])
  func shapesThatDoNotFitAreRefused(shape: String) throws {
    let contents = file(header("<f4", shape), raw([1, 2] as [Float]))
    #expect(throws: NumPyError.self) { try read(contents) }
  }

  @Test(arguments: [
    "", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
    "{'descr': '<f4\\', 'fortran_order': False, 'shape': (1,)}", "{'descr': '<f4",
    "__import__('os').system('true')",
  ])
  func headersOfADifferentFormAreRefused(text: String) throws {
    let error = try #require(throws: NumPyError.self) { try read(file(text, raw([1] as [Float]))) }
    guard case .malformed(_, let part, _, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(part == "header")
  }

  @Test(arguments: [
    "'>f4'", "'|O'", "'<c8'", "'<U3'", "'<u4'", "'<M8[ns]'", "'f4'", "''", "[('a', '<f4'), ('b', '<i4')]",
  ])
  func otherTypesAreRefusedByName(type: String) throws {
    let text = "{'descr': \(type), 'fortran_order': False, 'shape': (1,)}"
    let error = try #require(throws: NumPyError.self) { try read(file(text, raw([1] as [Float]))) }
    guard case .unsupported(_, let what, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(what == "type " + type.replacing(/^'|'$/, with: ""))
  }

  @Test func messagesNameWhatIsMissing() throws {
    let contents = file(header("<f4", "(3, 5)"), raw([1, 2] as [Float]))
    let path = try folder.write(contents, as: "short.npy")
    #expect(
      throws: NumPyError.malformed(
        path: path, part: "numbers", expected: "60 bytes for float32 of shape [3, 5]", found: "8")
    ) { try NumPyFile.read(path) }
    let archive = try folder.write(Array("PK\u{3}\u{4}".utf8), as: "archive.npz")
    let error = try #require(throws: NumPyError.self) { try NumPyFile.read(archive) }
    #expect("\(error)".contains("readArchive"))
  }

  @Test func versionsAndLengthsAreChecked() throws {
    var contents = file(header("|u1", "(2,)"), [1, 2])
    contents[6] = 4
    #expect(throws: NumPyError.self) { try read(contents) }
    // A header length of 4 GB in a file of a few bytes.
    #expect(throws: NumPyError.self) {
      try read([0x93] + Array("NUMPY".utf8) + [2, 0, 0xff, 0xff, 0xff, 0xff] + Array("{}".utf8))
    }
  }

  @Test func truncationsAndAdditionsAreRefused() throws {
    let whole = file(header("<i2", "(2, 2)"), raw([1, 2, 3, 4] as [Int16]))
    #expect(try read(whole).integers == [1, 2, 3, 4])
    for length in whole.indices {
      #expect(throws: NumPyError.self, "cut at \(length)") { try read(Array(whole[..<length])) }
    }
    #expect(throws: NumPyError.self) { try read(whole + [0]) }
  }

  @Test func foldersAndPipesAreRefusedWithoutWaiting() throws {
    #expect(throws: NumPyError.self) { try NumPyFile.read(folder.path) }
    #expect(throws: NumPyError.self) { try NumPyFile.read(folder.file("missing.npy")) }
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    #expect(throws: NumPyError.self) { try NumPyFile.read(folder.file("pipe")) }
  }

  @Test func failedWritesLeaveNothing() throws {
    let tensor = Tensor([1, 2], shape: [2])
    #expect(throws: NumPyError.self) { try NumPyFile.write(tensor, to: folder.file("missing/tensor.npy")) }
    try FileManager.default.createDirectory(atPath: folder.file("taken.npy"), withIntermediateDirectories: false)
    #expect(throws: NumPyError.self) { try NumPyFile.write(tensor, to: folder.file("taken.npy")) }
    #expect(folder.contents == ["taken.npy"])
  }

  @Test func aFileCanBeReplacedWhileItsNumbersAreInUse() throws {
    let path = folder.file("tensor.npy")
    try NumPyFile.write(Tensor([1, 2, 3], shape: [3]), to: path)
    let old = try NumPyFile.read(path).tensor
    try NumPyFile.write(old + 10, to: path)
    #expect(old.values == [1, 2, 3])
    #expect(try NumPyFile.read(path).tensor.values == [11, 12, 13])
  }
}
