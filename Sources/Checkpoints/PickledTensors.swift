import JSON
import Tensors

/// The tensors and other values in a file written by `torch.save`, as a zip or in the legacy format.
package struct PickledTensors {
  /// Descriptors of the tensors, by flattened key.
  private(set) var tensors: [String: PickleMachine.Tensor] = [:]
  /// The other values, by flattened key. Values that JSON cannot represent are dropped.
  private(set) var scalars: [String: JSONValue] = [:]
  /// Byte ranges of the storages in the file, by storage key.
  private var storages: [String: Range<Int>] = [:]
  private let path: String

  /// Limits on what is flattened: levels of nesting, values, bytes of one key, and bytes of all keys together.
  private static let (depthLimit, valueLimit, keyLimit, allKeysLimit) = (32, 1 << 20, 4096, 64 << 20)

  /// - Throws: ``CheckpointError``.
  package init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    self.path = path
    if bytes.number(at: 0, as: UInt32.self) == 0x0403_4b50 {
      try readZip(bytes)
    } else {
      try readLegacy(bytes)
    }
    for (key, tensor) in tensors {
      guard let range = storages[tensor.storage.key] else {
        throw CheckpointError.malformed(
          path: path, place: key, expected: "storage '\(tensor.storage.key)'", found: "none of that name")
      }
      guard let size = byteCount([tensor.storage.count], tensor.storage.type), range.count >= size else {
        throw CheckpointError.malformed(
          path: path, place: key,
          expected: "\(tensor.storage.count) values of \(tensor.storage.type) in storage "
            + "'\(tensor.storage.key)'", found: "\(range.count) bytes")
      }
    }
  }

  /// Reads every tensor of at most 2²² values; for fuzzing.
  /// - Returns: The number of values read, over all tensors.
  package func readAll(in bytes: UnsafeRawBufferPointer) -> Int {
    final class NoOwner {}
    let small = tensors.filter { $0.value.shape.reduce(1, *) <= 1 << 22 }
    return small.keys.reduce(0) { $0 + (storedTensor($1, in: bytes, owner: NoOwner())?.count ?? 0) }
  }

  private mutating func readZip(_ bytes: UnsafeRawBufferPointer) throws {
    let archive = try ZipArchive(bytes, path: path)
    guard let (name, range) = archive.entries.first(where: { $0.key.hasSuffix("/data.pkl") || $0.key == "data.pkl" })
    else {
      throw CheckpointError.unsupported(
        path: path, what: "a zip without data.pkl", supported: "files written by torch.save")
    }
    let folder = String(name.dropLast("data.pkl".count))
    if let range = archive.entries[folder + "byteorder"] {
      let order = String(decoding: bytes[range], as: UTF8.self)
      guard order == "little" else {
        throw CheckpointError.unsupported(
          path: path, what: "byte order '\(order.prefix(20))'", supported: "little-endian files")
      }
    }
    for (name, range) in archive.entries where name.hasPrefix(folder + "data/") {
      storages[String(name.dropFirst(folder.count + 5))] = range
    }
    let pickle = UnsafeRawBufferPointer(rebasing: bytes[range])
    var machine = PickleMachine(pickle, from: 0, path: path)
    try flatten(machine.run(), machine)
  }

  /// Reads the legacy format: four pickles (magic number, version, system, the object), a fifth with the storages'
  /// keys, then for each storage the number of its values and the values.
  private mutating func readLegacy(_ bytes: UnsafeRawBufferPointer) throws {
    var position = 0
    func next() throws -> (PickleMachine.Value, PickleMachine) {
      var machine = PickleMachine(bytes, from: position, path: path)
      let value = try machine.run()
      position = machine.position
      return (value, machine)
    }
    // The lowest 64 bits of 0x1950a86a20f9469cfc6c.
    let magic = try next().0
    guard case .integer(let number) = magic, UInt64(bitPattern: number) == 0xa86a_20f9_469c_fc6c else {
      throw CheckpointError.malformed(
        path: path, place: "beginning", expected: "the magic number of torch.save", found: text(of: magic))
    }
    let version = try next().0
    guard case .integer(1001) = version else {
      throw CheckpointError.unsupported(
        path: path, what: "legacy format version \(text(of: version))", supported: "1001")
    }
    _ = try next()
    let (object, machine) = try next()
    try flatten(object, machine)
    let (list, keysMachine) = try next()
    var types: [String: ElementType] = [:]
    for tensor in tensors.values { types[tensor.storage.key] = tensor.storage.type }
    for item in keysMachine.items(list) ?? [] {
      guard case .string(let key) = item else {
        throw CheckpointError.malformed(
          path: path, place: "storages", expected: "a string as the key", found: text(of: item))
      }
      let announced = bytes.number(at: position, as: Int64.self)
      guard let count = announced, count >= 0 else {
        throw CheckpointError.malformed(
          path: path, place: "storage '\(key)'", expected: "the number of its values",
          found: announced.map { "\($0)" } ?? "the end of the file")
      }
      let type = types[key] ?? .uint8
      guard let size = byteCount([Int(count)], type), bytes.part(position + 8, size) != nil else {
        throw CheckpointError.malformed(
          path: path, place: "storage '\(key)'", expected: "\(count) values of \(type)", found: "the end of the file")
      }
      storages[key] = position + 8..<position + 8 + size
      position += 8 + size
    }
  }

  /// Collects the leaves of nested dictionaries and lists under keys joined by dots. A list or tuple of values that
  /// JSON can represent remains one array.
  private mutating func flatten(_ value: PickleMachine.Value, _ machine: PickleMachine) throws {
    var pending: [(key: String, value: PickleMachine.Value, depth: Int)] = [("", value, 0)]
    // A container that is referred to several times counts each time, and so do the keys that lead to it.
    var (seen, keyBytes) = (0, 0)
    while let (key, value, depth) = pending.popLast() {
      seen += 1
      func check() throws {
        guard depth <= Self.depthLimit, seen <= Self.valueLimit, pending.count <= Self.valueLimit,
          key.utf8.count <= Self.keyLimit, keyBytes <= Self.allKeysLimit
        else {
          let limits = [
            (depth, Self.depthLimit, "levels of nesting"), (seen, Self.valueLimit, "values"),
            (pending.count, Self.valueLimit, "values"), (key.utf8.count, Self.keyLimit, "bytes in one key"),
            (keyBytes, Self.allKeysLimit, "bytes in all keys together"),
          ]
          let (found, limit, unit) = limits.first { $0.0 > $0.1 } ?? limits[0]
          throw CheckpointError.malformed(
            path: path, place: "pickle", expected: "at most \(limit) \(unit)", found: "\(found)")
        }
      }
      func enqueue(_ name: String, _ value: PickleMachine.Value) throws {
        let inner = key.isEmpty ? name : key + "." + name
        keyBytes += inner.utf8.count
        pending.append((inner, value, depth + 1))
        try check()
      }
      try check()
      switch value {
      case .tensor(let tensor): tensors[key] = tensor
      case .container(let index):
        switch machine.containers[index] {
        case .dictionary(let pairs):
          for (name, value) in pairs.reversed() {
            switch name {
            case .string(let text): try enqueue(text, value)
            case .integer(let number): try enqueue(String(number), value)
            default: continue
            }
          }
        case .list(let items), .tuple(let items):
          seen += items.count
          try check()
          if let values = jsonValues(items) {
            scalars[key] = .array(values)
          } else {
            for (index, item) in items.enumerated() { try enqueue(String(index), item) }
          }
        }
      default: if let scalar = jsonValue(value) { scalars[key] = scalar }
      }
    }
  }

  /// A short description of a value for error messages.
  private func text(of value: PickleMachine.Value) -> String {
    jsonValue(value).map { String($0.text().prefix(40)) } ?? "a value of a different type"
  }

  /// The values in JSON; nil if JSON cannot represent one of them.
  private func jsonValues(_ values: [PickleMachine.Value]) -> [JSONValue]? {
    let converted = values.compactMap { jsonValue($0) }
    return converted.count == values.count ? converted : nil
  }

  /// The value in JSON; nil if JSON cannot represent it.
  private func jsonValue(_ value: PickleMachine.Value) -> JSONValue? {
    switch value {
    case .none: .null
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    case .bytes, .global, .container, .storage, .tensor, .mark: nil
    }
  }

  /// A tensor's values: a view of the file if they are contiguous, else a copy; nil if no tensor has this key.
  func storedTensor(_ key: String, in bytes: UnsafeRawBufferPointer, owner: AnyObject) -> StoredTensor? {
    guard let tensor = tensors[key], let range = storages[tensor.storage.key] else { return nil }
    let size = tensor.storage.type.size
    let count = tensor.shape.reduce(1, *)
    if count == 0 { return StoredTensor(shape: tensor.shape, elementType: tensor.storage.type, data: []) }
    let first = range.lowerBound + tensor.offset * size
    var expected = 1
    var isContiguous = true
    for (length, stride) in zip(tensor.shape, tensor.strides).reversed() where length != 1 {
      isContiguous = isContiguous && stride == expected
      expected *= length
    }
    if isContiguous {
      let part = UnsafeRawBufferPointer(rebasing: bytes[first...].prefix(count * size))
      return StoredTensor(shape: tensor.shape, elementType: tensor.storage.type, bytes: part, owner: owner)
    }
    var data: [UInt8] = []
    data.reserveCapacity(count * size)
    var index = [Int](repeating: 0, count: tensor.shape.count)
    for _ in 0..<count {
      let offset = first + zip(index, tensor.strides).reduce(0) { $0 + $1.0 * $1.1 } * size
      data += bytes[offset..<offset + size]
      var axis = index.count - 1
      while axis >= 0 {
        index[axis] += 1
        if index[axis] < tensor.shape[axis] { break }
        index[axis] = 0
        axis -= 1
      }
    }
    return StoredTensor(shape: tensor.shape, elementType: tensor.storage.type, data: data)
  }
}
