import Tensors

/// The globals that a pickle may name: types of storages and numbers, functions that rebuild tensors, and types of
/// plain values. `torch.load(weights_only=True)` accepts them, too.
extension PickleMachine {
  private static let functions: Set<String> = [
    "collections.OrderedDict", "collections.Counter", "torch.Size", "torch.device", "torch.Tensor",
    "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer", "torch.serialization._get_layout", "_codecs.encode",
    "builtins.set", "builtins.bytearray", "builtins.complex",
    "torch.per_tensor_affine", "torch.per_tensor_symmetric", "torch.per_channel_affine",
    "torch.per_channel_symmetric", "torch.per_channel_affine_float_qparams", "torch._tensor._rebuild_from_type_v2",
  ]
  /// Functions of `torch._utils`.
  private static let rebuilding: Set<String> = [
    "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter",
    "_rebuild_parameter_with_state", "_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage",
    "_rebuild_wrapper_subclass", "_rebuild_device_tensor_from_cpu_tensor",
  ]
  private static let rebuildingModule = "torch._utils."
  /// Python 2's names of modules.
  private static let renamed = ["__builtin__": "builtins", "copy_reg": "copyreg"]

  func global(_ module: String, _ name: String) throws -> Value {
    let full = (Self.renamed[module] ?? module) + "." + name
    if Self.functions.contains(full) || module + "." == Self.rebuildingModule && Self.rebuilding.contains(name) {
      return .global(full)
    }
    if ["torch", "torch.cuda", "torch.storage"].contains(module), StoredType.ofStorage[name] != nil {
      return .global("torch." + name)
    }
    if module == "torch", StoredType.named[name] != nil { return .global(full) }
    // Classes of tensors, such as torch.FloatTensor or torch.cuda.HalfTensor.
    if ["torch", "torch.cuda"].contains(module), name.hasSuffix("Tensor"),
      StoredType.ofStorage[name.dropLast("Tensor".count) + "Storage"] != nil
    {
      return .global(full)
    }
    throw CheckpointError.forbidden(path: path, what: "'\((module + "." + name).prefix(120))'")
  }

  /// The result of calling a known function.
  mutating func apply(_ name: String, _ arguments: [Value]) throws -> Value {
    if name.hasPrefix(Self.rebuildingModule) {
      return .tensor(try rebuilt(String(name.dropFirst(Self.rebuildingModule.count)), arguments))
    }
    switch name {
    case "collections.OrderedDict", "collections.Counter": return try dictionary(arguments)
    case "torch.Size", "builtins.set":
      guard let list = arguments.first.map({ items($0) }) ?? [] else { throw malformed("a list", "a different value") }
      return add(.tuple(list))
    case "torch._tensor._rebuild_from_type_v2":
      // The arguments are a function, the class of its result, the function's own arguments, and attributes, which are
      // not needed.
      guard arguments.count >= 3, case .global(let function) = arguments[0],
        function.hasPrefix(Self.rebuildingModule), let inner = items(arguments[2])
      else { throw malformed("a function that rebuilds a tensor, and its arguments", "different values") }
      return .tensor(try rebuilt(String(function.dropFirst(Self.rebuildingModule.count)), inner))
    case "torch.device":
      let words = arguments.compactMap { described($0) }
      return .described(words.joined(separator: ":"))
    case "torch.serialization._get_layout": return .described(arguments.first.flatMap { described($0) } ?? "a layout")
    case "builtins.complex":
      return .described("complex(\(arguments.compactMap { described($0) }.joined(separator: ", ")))")
    case "_codecs.encode", "builtins.bytearray":
      switch arguments.first {
      case nil: return .bytes([])
      case .bytes(let bytes)?: return .bytes(bytes)
      case .string(let text)?:
        // Python writes each byte as the character with its number.
        return .bytes(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
      default: throw malformed("bytes, or text to encode", "a different value")
      }
    default: throw CheckpointError.forbidden(path: path, what: "a call of '\(name)'")
    }
  }

  private mutating func dictionary(_ arguments: [Value]) throws -> Value {
    guard let first = arguments.first else { return add(.dictionary([])) }
    if case .container(let index) = first, case .dictionary(let pairs) = containers[index] {
      return add(.dictionary(pairs))
    }
    guard let list = items(first) else { throw malformed("pairs for a dictionary", "different values") }
    return add(
      .dictionary(
        try list.map { pair in
          guard let two = items(pair), two.count == 2 else { throw malformed("a pair", "a different value") }
          return (two[0], two[1])
        }))
  }

  // MARK: Tensors

  /// The tensor that a function of `torch._utils` makes. A tensor that this package cannot read keeps its shape; the
  /// name of its type says why it cannot be read.
  private func rebuilt(_ function: String, _ arguments: [Value]) throws -> Tensor {
    switch function {
    case "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_device_tensor_from_cpu_tensor":
      guard case .tensor(let tensor)? = arguments.first else { throw malformed("a tensor", "a different value") }
      return tensor
    case "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_qtensor":
      return try tensor(arguments, type: nil, metadata: function == "_rebuild_tensor_v2" ? 6 : nil)
    case "_rebuild_tensor_v3":
      guard arguments.count >= 7 else { throw malformed("the type of a tensor's numbers", "nothing") }
      return try tensor(arguments, type: type(arguments[6]), metadata: 7)
    case "_rebuild_meta_tensor_no_storage":
      guard arguments.count >= 2 else { throw malformed("type and shape of a tensor", "nothing") }
      return try empty(type(arguments[0]), "without values, on device meta", arguments[1])
    case "_rebuild_wrapper_subclass":
      guard arguments.count >= 3 else { throw malformed("class, type and shape of a tensor", "nothing") }
      return try empty(type(arguments[1]), "in a class of its own", arguments[2])
    case "_rebuild_sparse_tensor":
      guard arguments.count >= 2, let data = items(arguments[1]), data.count >= 3,
        let shape = data.first(where: isShape)
      else { throw malformed("layout, indices, values and shape of a sparse tensor", "different values") }
      let values = data.compactMap { value -> Tensor? in if case .tensor(let tensor) = value { tensor } else { nil } }
      guard let numbers = values.last else { throw malformed("values of a sparse tensor", "none") }
      return try empty(numbers.type, "sparse", shape)
    default: throw CheckpointError.forbidden(path: path, what: "a call of '\(Self.rebuildingModule)\(function)'")
    }
  }

  private func isShape(_ value: Value) -> Bool { integers(value) != nil }

  private func type(_ value: Value) throws -> StoredType {
    guard case .global(let name) = value, name.hasPrefix("torch."),
      let type = StoredType.named[String(name.dropFirst(6))]
    else { throw malformed("the type of a tensor's numbers", "a different value") }
    return type
  }

  /// A tensor without values. Its size is not limited by stored values, so there is a limit here, which is far above
  /// the size of any tensor in use.
  private func empty(_ type: StoredType, _ reason: String, _ shape: Value) throws -> Tensor {
    guard let shape = integers(shape), shape.count <= 32, let size = StoredType("", bits: 8).byteCount(shape),
      size <= 1 << 40
    else { throw malformed("a shape of at most 32 axes and 2⁴⁰ values", "a different value") }
    let unreadable = StoredType("\(type.name) (\(reason))", bits: 0)
    return Tensor(storage: nil, type: unreadable, offset: 0, shape: shape, strides: shape.map { _ in 0 })
  }

  /// - Parameters:
  ///   - type: the type of the numbers; nil: the storage's type.
  ///   - metadata: the index of the argument that says whether the stored numbers must be negated or conjugated; nil:
  ///     there is no such argument.
  private func tensor(_ arguments: [Value], type: StoredType?, metadata: Int?) throws -> Tensor {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
    else { throw malformed("storage, offset, shape and strides of a tensor", "different values") }
    var type = type ?? storage.type
    if let metadata, arguments.count > metadata, isAnyTrue(arguments[metadata]) {
      type = type.unreadable("negated or conjugated")
    }
    let name = "a tensor of shape \(shape.prefix(8)), strides \(strides.prefix(8)), offset \(offset)"
    guard shape.count <= 32, let size = StoredType("", bits: 8).byteCount(shape), offset >= 0,
      strides.allSatisfy({ $0 >= 0 })
    else { throw malformed("at most 32 axes, and no negative or overflowing numbers", name) }
    // The storage's type can differ from the tensor's: an untyped storage counts bytes.
    let capacity = storage.count * storage.type.bits / type.bits
    // A stride of 0 repeats values, so a small storage could otherwise describe a huge tensor.
    guard size <= max(capacity, 1 << 24) else { throw malformed("at most \(max(capacity, 1 << 24)) values", name) }
    var last = Int(offset)
    if size > 0 {
      for (length, stride) in zip(shape, strides) {
        let (step, overflow) = stride.multipliedReportingOverflow(by: length - 1)
        let (sum, carry) = last.addingReportingOverflow(step)
        guard !overflow, !carry else { throw malformed("strides within the storage", name) }
        last = sum
      }
      guard last < capacity else { throw malformed("a tensor within its \(capacity) stored values", name) }
    }
    return Tensor(storage: storage, type: type, offset: Int(offset), shape: shape, strides: strides)
  }

  private func isAnyTrue(_ value: Value) -> Bool {
    guard case .container(let index) = value, case .dictionary(let pairs) = containers[index] else { return false }
    return pairs.contains { pair in if case .bool(true) = pair.1 { true } else { false } }
  }

  /// The storage that a persistent ID names: ('storage', type, key, device, count) and, in old files, a view.
  mutating func storage(_ identity: Value) throws -> Value {
    guard let parts = items(identity), parts.count >= 5, case .string("storage") = parts[0],
      case .global(let name) = parts[1], name.hasPrefix("torch."),
      let type = StoredType.ofStorage[String(name.dropFirst(6))], case .integer(let count) = parts[4],
      count >= 0, count < 1 << 48
    else { throw malformed("a storage: type, key, device and count", "different values") }
    if parts.count > 5, case .none = parts[5] {
    } else if parts.count > 5 {
      throw CheckpointError.unsupported(path: path, what: "a view of a storage", supported: "views of tensors")
    }
    var storage: Storage
    switch parts[2] {
    case .string(let key): storage = Storage(key: key, type: type, count: Int(count))
    case .integer(let key): storage = Storage(key: String(key), type: type, count: Int(count))
    default: throw malformed("the key of a storage", "a different value")
    }
    storageTypes[storage.key] = type
    return .storage(storage)
  }
}
