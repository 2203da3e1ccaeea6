import Foundation
import JSON
import Tensors

/// Writes a safetensors file tensor by tensor, so that a file larger than memory can be written. The file gets its name
/// when it is complete; if anything fails before, nothing is left behind. On file systems that support files without a
/// name (`O_TMPFILE`), such as most of those on Linux, this holds even if the program is killed.
public final class SafetensorsWriter {
  /// Key, stored type and shape of one tensor.
  public struct Entry: Sendable {
    public let key: String
    public let elementType: ElementType
    public let shape: [Int]

    public init(key: String, elementType: ElementType, shape: [Int]) {
      (self.key, self.elementType, self.shape) = (key, elementType, shape)
    }
  }

  private let path: String
  /// The name that the file may have until it is complete.
  private let temporary: String
  private let entries: [Entry]
  private var descriptor: Int32
  /// Whether the file has its temporary name; a file without a name gets it in ``finish()``.
  private var isNamed = false
  private var written = 0

  /// Creates the file and writes its header.
  /// - Parameter entries: The tensors, in the order in which they are appended.
  /// - Throws: ``CheckpointError`` if a key occurs twice, a shape is not valid or the file cannot be written.
  public convenience init(_ path: String, entries: [Entry], metadata: [String: String] = [:]) throws {
    try self.init(path, entries: entries, metadata: metadata, into: nil)
  }

  /// Writes into an open file, given by its descriptor; creates a file if the descriptor is nil.
  package init(_ path: String, entries: [Entry], metadata: [String: String], into given: Int32?) throws {
    self.path = path
    temporary = path + ".\(ProcessInfo.processInfo.processIdentifier).part"
    self.entries = entries
    var header = JSONObject()
    if !metadata.isEmpty {
      header["__metadata__"] = .object(metadata.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }
    var offset = 0
    for entry in entries {
      guard let name = SafetensorsHeader.typeNames.first(where: { $0.type == entry.elementType })?.name,
        let size = StoredType(entry.elementType).byteCount(entry.shape), header[entry.key] == nil
      else { throw CheckpointError.file(path: path, reason: "'\(entry.key)' occurs twice or has an invalid shape") }
      header[entry.key] = .object([
        ("dtype", .string(name)), ("shape", .array(entry.shape.map { JSONValue($0) })),
        ("data_offsets", [JSONValue(offset), JSONValue(offset + size)]),
      ])
      offset += size
    }
    var text = Array(JSONValue.object(header).text().utf8)
    // Parsers map the values in place, so they must begin at a multiple of eight bytes.
    while text.count % 8 != 0 { text.append(0x20) }
    descriptor = given ?? Self.unnamedFile(beside: path)
    if descriptor < 0 {
      descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      isNamed = descriptor >= 0
    }
    guard descriptor >= 0 else {
      throw CheckpointError.file(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
    }
    try withUnsafeBytes(of: UInt64(text.count).littleEndian) { try put($0) }
    try text.withUnsafeBytes { try put($0) }
  }

  deinit { abandon() }

  /// Writes the next tensor, converted to its entry's type. Stops the program if a whole-number type cannot hold a
  /// value.
  /// - Throws: ``CheckpointError`` if the shape is not the next entry's, or if the file cannot be written.
  public func append(_ tensor: Tensor) throws {
    let entry = try next(tensor.shape)
    try tensor.withUnsafeBuffer { values in
      switch entry.elementType {
      case .float32: try put(UnsafeRawBufferPointer(values))
      case .float16: try put(values) { Float16($0).bitPattern }
      case .bfloat16: try put(values) { Self.bfloat16($0) }
      case .float64: try put(values) { Double($0).bitPattern }
      case .int64: try put(values) { Int64($0) }
      case .int32: try put(values) { Int32($0) }
      case .int16: try put(values) { Int16($0) }
      case .int8: try put(values) { Int8($0) }
      case .uint8: try put(values) { UInt8($0) }
      case .bool: try put(values) { UInt8($0 == 0 ? 0 : 1) }
      }
    }
  }

  /// Writes the next tensor as it is stored. If its entry has a different type, the tensor is converted to float32 and
  /// then to that type. Stops the program if a whole-number type cannot hold a value.
  /// - Throws: ``CheckpointError`` if the shape is not the next entry's, or if the file cannot be written.
  public func append(_ stored: StoredTensor) throws {
    let entry = try next(stored.shape)
    guard entry.elementType == stored.elementType else { return try append(converting: stored, to: entry) }
    try stored.withBytes { try put($0) }
  }

  /// Completes the file and gives it its name.
  /// - Throws: ``CheckpointError`` if tensors are missing or the file cannot be written.
  public func finish() throws {
    guard written == entries.count else {
      throw CheckpointError.file(path: path, reason: "expected \(entries.count) tensors, found \(written)")
    }
    guard fsync(descriptor) == 0 else { throw broken() }
    if !isNamed {
      unlink(temporary)
      guard linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0 else {
        throw broken()
      }
      isNamed = true
    }
    guard rename(temporary, path) == 0 else { throw broken() }
    isNamed = false
    abandon()
  }

  /// The descriptor of a new file without a name in the folder of `path`; negative if such a file cannot be created.
  private static func unnamedFile(beside path: String) -> Int32 {
    let folder = (path as NSString).deletingLastPathComponent
    let isUnnamed: Int32 = 0o20000000 | O_DIRECTORY  // O_TMPFILE
    return open(folder.isEmpty ? "." : folder, isUnnamed | O_WRONLY | O_CLOEXEC, 0o644)
  }

  private func append(converting stored: StoredTensor, to entry: Entry) throws {
    written -= 1
    try append(stored.tensor)
  }

  private func next(_ shape: [Int]) throws -> Entry {
    guard written < entries.count, entries[written].shape == shape else {
      let expected =
        written < entries.count ? "'\(entries[written].key)' of shape \(entries[written].shape)" : "no further tensor"
      throw CheckpointError.file(path: path, reason: "expected \(expected), found a tensor of shape \(shape)")
    }
    written += 1
    return entries[written - 1]
  }

  private func put<Value>(_ values: UnsafeBufferPointer<Float>, _ convert: (Float) -> Value) throws {
    let block = 1 << 16
    for start in stride(from: 0, to: values.count, by: block) {
      let converted = values[start..<min(start + block, values.count)].map(convert)
      try converted.withUnsafeBytes { try put($0) }
    }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      guard count > 0 else { throw broken() }
      rest = rest.dropFirst(count)
    }
  }

  private func broken() -> CheckpointError {
    let reason = String(cString: strerror(errno))
    abandon()
    return .file(path: path, reason: "cannot be written: \(reason)")
  }

  private func abandon() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if isNamed { unlink(temporary) }
    descriptor = -1
  }

  /// The nearest bfloat16, ties to even.
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
  }
}

/// Writes whole safetensors files.
public enum SafetensorsFile {
  /// Writes tensors in the given order, all converted to one type. The file is written whole or not at all.
  /// - Throws: ``CheckpointError`` if a key occurs twice or the file cannot be written.
  public static func write(
    _ tensors: [(key: String, tensor: Tensor)], as type: ElementType = .float32, metadata: [String: String] = [:],
    to path: String
  ) throws {
    let writer = try SafetensorsWriter(
      path, entries: tensors.map { .init(key: $0.key, elementType: type, shape: $0.tensor.shape) }, metadata: metadata)
    for (_, tensor) in tensors { try writer.append(tensor) }
    try writer.finish()
  }

  /// Writes tensors to several files with an index, named as published: `STEM-00001-of-00002.safetensors`,
  /// `STEM.safetensors.index.json`. Each file has at most `limit` bytes of tensors; a larger tensor gets its own file.
  /// - Throws: ``CheckpointError`` or `JSONError` if a file cannot be written.
  public static func writeSharded(
    _ tensors: [(key: String, tensor: Tensor)], as type: ElementType = .float32, limit: Int, stem: String,
    in folder: String
  ) throws {
    var groups: [[(key: String, tensor: Tensor)]] = []
    var (size, total) = (0, 0)
    for entry in tensors {
      let bytes = entry.tensor.count * type.size
      if groups.isEmpty || size + bytes > limit {
        groups.append([])
        size = 0
      }
      groups[groups.count - 1].append(entry)
      size += bytes
      total += bytes
    }
    func digits(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    var map: [(String, JSONValue)] = []
    for (index, group) in groups.enumerated() {
      let name = "\(stem)-\(digits(index + 1))-of-\(digits(groups.count)).safetensors"
      try write(group, as: type, to: folder + "/" + name)
      map += group.map { ($0.key, .string(name)) }
    }
    let index: JSONValue = .object([
      ("metadata", .object([("total_size", JSONValue(total))])), ("weight_map", .object(map)),
    ])
    try index.write(to: folder + "/\(stem).safetensors.index.json")
  }
}
