import Deflate
import JSON
import Tensors

/// The tensors and other values in a file written by `torch.save`, as a zip or in the legacy format.
package struct PickledTensors {
  /// Descriptors of the tensors, by flattened key.
  private(set) var tensors: [String: PickleMachine.Tensor] = [:]
  /// The other values, by flattened key. Values that JSON cannot represent, such as types and devices, are given as
  /// text.
  private(set) var scalars: [String: JSONValue] = [:]
  /// The storages in the file, by storage key.
  private var storages: [String: ZipArchive.Entry] = [:]
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
      guard let needed = tensor.storage else { continue }
      guard let found = storages[needed.key] else {
        throw CheckpointError.malformed(
          path: path, place: key, expected: "storage '\(needed.key)'", found: "none of that name")
      }
      guard let size = needed.type.byteCount([needed.count]), found.count >= size else {
        throw CheckpointError.malformed(
          path: path, place: key, expected: "\(needed.count) values of \(needed.type) in storage '\(needed.key)'",
          found: "\(found.count) bytes")
      }
    }
  }

  /// Reads every tensor of at most 2²² values; for fuzzing.
  /// - Returns: The number of values read, over all tensors.
  package func readAll(in bytes: UnsafeRawBufferPointer) -> Int {
    final class NoOwner {}
    let small = tensors.filter { $0.value.shape.reduce(1, *) <= 1 << 22 }
    return small.keys.reduce(0) { $0 + ((try? storedTensor($1, in: bytes, owner: NoOwner()))?.count ?? 0) }
  }

  private mutating func readZip(_ bytes: UnsafeRawBufferPointer) throws {
    let archive = try ZipArchive(bytes, path: path)
    guard let (name, entry) = archive.entries.first(where: { $0.key.hasSuffix("/data.pkl") || $0.key == "data.pkl" })
    else { throw CheckpointError.file(path: path, reason: "expected weights, found \(archive.meaning)") }
    let folder = String(name.dropLast("data.pkl".count))
    if archive.entries[folder + "constants.pkl"] != nil {
      throw CheckpointError.file(
        path: path,
        reason: "expected weights, found a TorchScript program; save its state_dict() with torch.save instead")
    }
    if let entry = archive.entries[folder + "byteorder"] {
      let order = String(decoding: try archive.contents(of: folder + "byteorder", entry, in: bytes), as: UTF8.self)
      guard order == "little" else {
        throw CheckpointError.unsupported(
          path: path, what: "byte order '\(order.prefix(20))'", supported: "little-endian files")
      }
    }
    for (name, entry) in archive.entries where name.hasPrefix(folder + "data/") {
      storages[String(name.dropFirst(folder.count + 5))] = entry
    }
    guard entry.count <= PickleMachine.byteLimit else {
      throw CheckpointError.malformed(
        path: path, place: name, expected: "at most \(PickleMachine.byteLimit) bytes", found: "\(entry.count)")
    }
    if entry.isDeflated {
      try archive.contents(of: name, entry, in: bytes).withUnsafeBytes { try readPickle($0) }
    } else {
      try readPickle(UnsafeRawBufferPointer(rebasing: bytes[entry.range]))
    }
  }

  private mutating func readPickle(_ pickle: UnsafeRawBufferPointer) throws {
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
      let type = machine.storageTypes[key] ?? StoredType(.uint8)
      guard let size = type.byteCount([Int(count)]), bytes.part(position + 8, size) != nil else {
        throw CheckpointError.malformed(
          path: path, place: "storage '\(key)'", expected: "\(count) values of \(type)", found: "the end of the file")
      }
      storages[key] = .init(range: position + 8..<position + 8 + size, count: size, isDeflated: false)
      position += 8 + size
    }
  }

  /// Collects the leaves of nested dictionaries and lists under keys joined by dots. Keys that are not text are written
  /// in Python's notation. If two leaves then have the same key, a number is added to the key of the second one. A list
  /// or tuple of plain values remains one array.
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
      case .tensor(let tensor): tensors[unique(key)] = tensor
      case .container(let index):
        switch machine.containers[index] {
        case .dictionary(let pairs):
          // If a text occurs as a key several times, the last value counts. A text and a number are different keys.
          var texts: Set<String> = []
          for (name, value) in pairs.reversed() {
            let text = machine.key(name)
            if case .string = name, !texts.insert(text).inserted { continue }
            try enqueue(text, value)
          }
        case .list(let items), .tuple(let items):
          seen += items.count
          try check()
          let values = items.compactMap { machine.json($0) }
          if values.count == items.count {
            scalars[unique(key)] = .array(values)
          } else {
            for (index, item) in items.enumerated() { try enqueue(String(index), item) }
          }
        }
      case .storage(let storage): scalars[unique(key)] = .string("a storage of \(storage.count) \(storage.type)")
      default: if let scalar = machine.json(value) { scalars[unique(key)] = scalar }
      }
    }
  }

  /// The key itself if it is new; if not, the key with the smallest number from 2 on that makes it new.
  private func unique(_ key: String) -> String {
    func isTaken(_ key: String) -> Bool { tensors[key] != nil || scalars[key] != nil }
    guard isTaken(key) else { return key }
    var number = 2
    while isTaken("\(key) (\(number))") { number += 1 }
    return "\(key) (\(number))"
  }

  /// A short description of a value for error messages.
  private func text(of value: PickleMachine.Value) -> String {
    switch value {
    case .integer(let value): String(value)
    case .string(let value): "'\(value.prefix(40))'"
    default: "a value of a different type"
    }
  }

  /// A tensor's values: a view of the file if they are contiguous and not compressed, else a copy; nil if no tensor has
  /// this key, or if the tensor's type cannot be read.
  /// - Throws: ``CheckpointError/malformed(path:place:expected:found:)`` for compressed values that are damaged.
  func storedTensor(_ key: String, in bytes: UnsafeRawBufferPointer, owner: AnyObject) throws -> StoredTensor? {
    guard let tensor = tensors[key], let storage = tensor.storage, let entry = storages[storage.key],
      let type = tensor.type.elementType
    else { return nil }
    guard entry.isDeflated else {
      return view(tensor, type, of: UnsafeRawBufferPointer(rebasing: bytes[entry.range]), owner: owner)
    }
    guard let data = inflated(UnsafeRawBufferPointer(rebasing: bytes[entry.range]), .raw, count: entry.count) else {
      throw CheckpointError.malformed(
        path: path, place: "zip entry of storage '\(storage.key)'",
        expected: "data that decompresses to \(entry.count) bytes", found: "damaged data")
    }
    let memory = StoredTensor(shape: [data.count], elementType: .uint8, data: data)
    return memory.withBytes { view(tensor, type, of: $0, owner: BytesOwner(memory)) }
  }

  /// Keeps decompressed bytes in memory.
  private final class BytesOwner {
    private let memory: StoredTensor
    init(_ memory: StoredTensor) { self.memory = memory }
  }

  /// A tensor over the bytes of its storage.
  private func view(
    _ tensor: PickleMachine.Tensor, _ type: ElementType, of bytes: UnsafeRawBufferPointer, owner: AnyObject
  ) -> StoredTensor {
    let size = type.size
    let count = tensor.shape.reduce(1, *)
    if count == 0 { return StoredTensor(shape: tensor.shape, elementType: type, data: []) }
    let first = tensor.offset * size
    var expected = 1
    var isContiguous = true
    for (length, stride) in zip(tensor.shape, tensor.strides).reversed() where length != 1 {
      isContiguous = isContiguous && stride == expected
      expected *= length
    }
    if isContiguous {
      let part = UnsafeRawBufferPointer(rebasing: bytes[first...].prefix(count * size))
      return StoredTensor(shape: tensor.shape, elementType: type, bytes: part, owner: owner)
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
    return StoredTensor(shape: tensor.shape, elementType: type, data: data)
  }
}
