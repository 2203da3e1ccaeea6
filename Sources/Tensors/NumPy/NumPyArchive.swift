/// Archives of arrays (`.npz`): zip files whose entries are npy files.
extension NumPyFile {
  /// Reads all arrays of an npz file by name, as `numpy.savez` writes them. Compressed archives
  /// (`numpy.savez_compressed`) are refused, and so are archives of 4 GB or more.
  /// - Throws: ``NumPyError``.
  public static func readArchive(_ path: String) throws -> [String: StoredTensor] {
    let file = try FileReader(path)
    var tensors: [String: StoredTensor] = [:]
    for entry in try NumPyArchiveTable(file).entries {
      tensors[entry.name] = try read(
        file, entry.range, entry: "array '\(entry.name)': ", checksum: entry.checksum)
    }
    return tensors
  }

  /// Writes tensors as float32 into an npz file in the given order, uncompressed. The same tensors always
  /// produce the same bytes. If writing fails, no file is left behind.
  /// - Throws: ``NumPyError``, also for empty or repeated names and for more than 4 GB.
  public static func writeArchive(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws {
    let headers = tensors.map { NumPyHeader.bytes(shape: $0.tensor.shape) }
    let names = tensors.map { Array(($0.name + ".npy").utf8) }
    var size = 22
    var seen: Set<String> = []
    for (index, entry) in tensors.enumerated() {
      guard !entry.name.isEmpty, names[index].count <= 0xffff, seen.insert(entry.name).inserted else {
        throw NumPyError.unsupported(
          path: path, what: "the name '\(entry.name.prefix(80))'", supported: "names that are not empty and occur once")
      }
      size += headers[index].count + entry.tensor.count * 4 + 2 * names[index].count + 76
    }
    guard size < 0xffff_ffff, tensors.count < 0xffff else {
      throw NumPyError.unsupported(
        path: path, what: "an archive of \(size) bytes and \(tensors.count) arrays",
        supported: "less than 4 GB and at most 65534 arrays; safetensors files may be larger")
    }
    try AtomicFile.write(path) { put in
      var directory: [UInt8] = []
      var offset = 0
      for (index, entry) in tensors.enumerated() {
        try entry.tensor.withUnsafeBuffer { values in
          let numbers = UnsafeRawBufferPointer(values)
          let checksum = headers[index].withUnsafeBytes { CRC32.of([$0, numbers]) }
          let about = ZipRecords.about(
            name: names[index], size: headers[index].count + numbers.count, checksum: checksum)
          let local = ZipRecords.local(about, name: names[index])
          directory += ZipRecords.central(about, name: names[index], offset: offset)
          try local.withUnsafeBytes(put)
          try headers[index].withUnsafeBytes(put)
          try put(numbers)
          offset += local.count + headers[index].count + numbers.count
        }
      }
      let end = ZipRecords.end(count: tensors.count, directory: directory.count, offset: offset)
      try (directory + end).withUnsafeBytes(put)
    }
  }
}

/// The positions of the arrays in an npz file (PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16).
private struct NumPyArchiveTable {
  struct Entry {
    let name: String
    let range: Range<Int>
    let checksum: UInt32
  }

  let entries: [Entry]

  /// - Throws: ``NumPyError`` for damaged, compressed, encrypted or too large archives.
  init(_ file: FileReader) throws {
    func malformed(_ part: String, _ expected: String, _ found: String) -> NumPyError {
      .malformed(path: file.path, part: part, expected: expected, found: found)
    }
    let tail = try file.read((0..<file.size).suffix(22 + 0xffff))
    let bytes = UnsafeRawBufferPointer(tail.bytes)
    // A comment follows the record; the record must state its length.
    let end = (0...max(0, bytes.count - 22)).last {
      bytes.number(at: $0, as: UInt32.self) == ZipRecords.endSignature
        && bytes.number(at: $0 + 20, as: UInt16.self).map(Int.init) == bytes.count - 22 - $0
    }
    guard let end, let count = bytes.number(at: end + 10, as: UInt16.self),
      let length = bytes.number(at: end + 12, as: UInt32.self), let start = bytes.number(at: end + 16, as: UInt32.self)
    else { throw malformed("directory", "an end record", "none; an npz file ends with one") }
    guard count != 0xffff, length != 0xffff_ffff, start != 0xffff_ffff else {
      throw NumPyError.unsupported(
        path: file.path, what: "an archive in the format for 4 GB and more", supported: "smaller archives")
    }
    let (directoryStart, directoryEnd) = (Int(start), Int(start) + Int(length))
    guard directoryEnd <= file.size - bytes.count + end else {
      throw malformed("directory", "a directory before the end record", "bytes \(directoryStart)..<\(directoryEnd)")
    }
    let directory = try file.read(directoryStart..<directoryEnd)
    var entries: [Entry] = []
    var seen: Set<String> = []
    var position = 0
    for index in 0..<Int(count) {
      let (entry, next) = try Self.entry(
        UnsafeRawBufferPointer(directory.bytes), at: position, file, limit: directoryStart,
        title: "directory entry \(index + 1) of \(count)")
      position = next
      guard seen.insert(entry.name).inserted else {
        throw malformed("directory", "each array once", "'\(entry.name)' twice")
      }
      entries.append(entry)
    }
    // If arrays could share bytes, a small file could demand any amount of memory.
    let sorted = entries.sorted { $0.range.lowerBound < $1.range.lowerBound }
    for (one, next) in zip(sorted, sorted.dropFirst()) where one.range.upperBound > next.range.lowerBound {
      throw malformed("array '\(next.name)'", "bytes that no other array uses", "bytes shared with '\(one.name)'")
    }
    self.entries = entries
  }

  /// One record of the directory, and the position of the next one.
  private static func entry(
    _ directory: UnsafeRawBufferPointer, at position: Int, _ file: FileReader, limit: Int, title: String
  ) throws -> (Entry, next: Int) {
    func malformed(_ part: String, _ expected: String, _ found: String) -> NumPyError {
      .malformed(path: file.path, part: part, expected: expected, found: found)
    }
    func field<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type) -> Int? {
      directory.number(at: position + offset, as: Value.self).map { Int($0) }
    }
    guard field(0, UInt32.self) == Int(ZipRecords.centralSignature), let flags = field(8, UInt16.self),
      let method = field(10, UInt16.self), let checksum = field(16, UInt32.self), let packed = field(20, UInt32.self),
      let plain = field(24, UInt32.self), let nameLength = field(28, UInt16.self),
      let extraLength = field(30, UInt16.self), let commentLength = field(32, UInt16.self),
      let offset = field(42, UInt32.self), position + 46 + nameLength <= directory.count,
      let name = String(validating: directory[position + 46..<position + 46 + nameLength], as: UTF8.self)
    else { throw malformed(title, "a record with a name", "different bytes") }
    guard flags & 1 == 0, method == 0 else {
      throw NumPyError.unsupported(
        path: file.path, what: "array '\(name)', \(flags & 1 == 0 ? "compressed by method \(method)" : "encrypted")",
        supported: "arrays stored as they are: write with numpy.savez, not savez_compressed")
    }
    guard plain != 0xffff_ffff, offset != 0xffff_ffff else {
      throw NumPyError.unsupported(
        path: file.path, what: "array '\(name)' in the format for 4 GB and more", supported: "smaller arrays")
    }
    guard name.hasSuffix(".npy") else {
      throw NumPyError.unsupported(path: file.path, what: "the entry '\(name)'", supported: "arrays, named *.npy")
    }
    guard offset + 30 <= limit, packed == plain else {
      throw malformed("array '\(name)'", "a position before the directory and equal sizes", "byte \(offset)")
    }
    let header = try file.read(offset..<offset + 30)
    let local = UnsafeRawBufferPointer(header.bytes)
    guard local.number(at: 0, as: UInt32.self) == ZipRecords.localSignature,
      let localName = local.number(at: 26, as: UInt16.self), let localExtra = local.number(at: 28, as: UInt16.self)
    else { throw malformed("array '\(name)'", "its header at byte \(offset)", "different bytes") }
    let start = offset + 30 + Int(localName) + Int(localExtra)
    guard start + plain <= limit else {
      throw malformed("array '\(name)'", "\(plain) bytes before the directory", "\(max(0, limit - start))")
    }
    return (
      Entry(name: String(name.dropLast(4)), range: start..<start + plain, checksum: UInt32(checksum)),
      position + 46 + nameLength + extraLength + commentLength
    )
  }
}
