import Foundation
import Tensors

extension Golden {
  /// All tensors of a golden safetensors file, converted to float32; stops the program if an entry cannot be read.
  ///
  /// A simple parser, so that tests for targets that do not import Checkpoints can use the values too.
  package static func tensors(_ relative: String) throws -> [String: Tensor] {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(relative))))
    let start = 8 + (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<start])) as? [String: Any] ?? [:]
    var tensors: [String: Tensor] = [:]
    for case (let key, let entry as [String: Any]) in header where key != "__metadata__" {
      guard let type = entry["dtype"] as? String, let shape = entry["shape"] as? [Int],
        let offsets = entry["data_offsets"] as? [Int]
      else { fatalError("\(relative): \(key) is not a valid entry of a safetensors file") }
      let content = bytes[start + offsets[0]..<start + offsets[1]]
      let values = content.withUnsafeBytes { raw -> [Float] in
        func read<Element>(_: Element.Type, _ widened: (Element) -> Float) -> [Float] {
          stride(from: 0, to: raw.count, by: MemoryLayout<Element>.size).map {
            widened(raw.loadUnaligned(fromByteOffset: $0, as: Element.self))
          }
        }
        switch type {
        case "F32": return read(Float.self) { $0 }
        case "F16": return read(Float16.self) { Float($0) }
        case "I64": return read(Int64.self) { Float($0) }
        case "I32": return read(Int32.self) { Float($0) }
        case "U8", "BOOL": return read(UInt8.self) { Float($0) }
        default: fatalError("\(relative): \(key): expected the type F32, F16, I64, I32, U8 or BOOL, found \(type)")
        }
      }
      tensors[key] = Tensor(values, shape: shape)
    }
    return tensors
  }
}
