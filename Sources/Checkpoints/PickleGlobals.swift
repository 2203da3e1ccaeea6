import Tensors

/// The globals that a pickle may name: types of storages, and functions that rebuild tensors and dictionaries.
extension PickleMachine {
  private static let storages: [String: ElementType] = [
    "torch.FloatStorage": .float32, "torch.HalfStorage": .float16, "torch.BFloat16Storage": .bfloat16,
    "torch.DoubleStorage": .float64, "torch.LongStorage": .int64, "torch.IntStorage": .int32,
    "torch.ShortStorage": .int16, "torch.CharStorage": .int8, "torch.ByteStorage": .uint8, "torch.BoolStorage": .bool,
  ]
  private static let functions: Set<String> = [
    "collections.OrderedDict", "torch.Size", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
  ]

  func global(_ module: String, _ name: String) throws -> Value {
    let full = module + "." + name
    guard Self.functions.contains(full) || Self.storages[full] != nil else {
      throw CheckpointError.forbidden(path: path, what: "'\(full.prefix(120))'")
    }
    return .global(full)
  }

  /// The result of calling a known function.
  mutating func apply(_ name: String, _ arguments: [Value]) throws -> Value {
    switch name {
    case "collections.OrderedDict":
      var pairs: [(Value, Value)] = []
      if let first = arguments.first {
        guard let list = items(first) else { throw malformed("pairs for an ordered dictionary", "different values") }
        for pair in list {
          guard let two = items(pair), two.count == 2 else { throw malformed("a pair", "a different value") }
          pairs.append((two[0], two[1]))
        }
      }
      return add(.dictionary(pairs))
    case "torch.Size":
      guard let first = arguments.first, let list = items(first) else { throw malformed("a shape", "different values") }
      return add(.tuple(list))
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
      guard case .tensor? = arguments.first else { throw malformed("a tensor for a parameter", "a different value") }
      return arguments[0]
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2": return .tensor(try tensor(arguments))
    default: throw CheckpointError.forbidden(path: path, what: "a call of '\(name)'")
    }
  }

  private func tensor(_ arguments: [Value]) throws -> Tensor {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
    else { throw malformed("storage, offset, shape and strides of a tensor", "different values") }
    let name = "a tensor of shape \(shape.prefix(8)), strides \(strides.prefix(8)), offset \(offset)"
    guard shape.count <= 32, let size = byteCount(shape, .uint8), offset >= 0, strides.allSatisfy({ $0 >= 0 }) else {
      throw malformed("at most 32 axes, and no negative or overflowing numbers", name)
    }
    // A stride of 0 repeats values, so a small storage could otherwise describe a huge tensor.
    guard size <= max(storage.count, 1 << 24) else {
      throw malformed("at most \(max(storage.count, 1 << 24)) values", name)
    }
    var last = Int(offset)
    if size > 0 {
      for (length, stride) in zip(shape, strides) {
        let (step, overflow) = stride.multipliedReportingOverflow(by: length - 1)
        let (sum, carry) = last.addingReportingOverflow(step)
        guard !overflow, !carry else { throw malformed("strides within the storage", name) }
        last = sum
      }
      guard last < storage.count else { throw malformed("a tensor within its \(storage.count) stored values", name) }
    }
    return Tensor(storage: storage, offset: Int(offset), shape: shape, strides: strides)
  }

  /// The storage that a persistent ID names: ('storage', type, key, device, count) and, in old files, a view.
  func storage(_ identity: Value) throws -> Value {
    guard let parts = items(identity), parts.count >= 5, case .string("storage") = parts[0],
      case .global(let name) = parts[1], let type = Self.storages[name], case .integer(let count) = parts[4],
      count >= 0, count < 1 << 48
    else { throw malformed("a storage: type, key, device and count", "different values") }
    if parts.count > 5, case .none = parts[5] {
    } else if parts.count > 5 {
      throw CheckpointError.unsupported(path: path, what: "a view of a storage", supported: "views of tensors")
    }
    switch parts[2] {
    case .string(let key): return .storage(Storage(key: key, type: type, count: Int(count)))
    case .integer(let key): return .storage(Storage(key: String(key), type: type, count: Int(count)))
    default: throw malformed("the key of a storage", "a different value")
    }
  }
}
