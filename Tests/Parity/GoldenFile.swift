import Checkpoints
import Foundation
import JSON
import Tensors

/// A golden safetensors file that records which of its tensors were read.
final class GoldenFile {
  let name: String
  private let checkpoint: Checkpoint
  private var unread: Set<String>

  /// - Parameters:
  ///   - folder: The folder of golden values.
  ///   - name: The file's path in this folder.
  init(_ folder: String, _ name: String) throws {
    self.name = name
    checkpoint = try Checkpoint(folder + "/" + name)
    unread = Set(checkpoint.keys)
  }

  var keys: [String] { checkpoint.keys }

  /// The keys that begin with a prefix, with this prefix removed.
  func keys(under prefix: String) -> [String] {
    keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }

  func has(_ key: String) -> Bool { checkpoint.contains(key) }

  func tensor(_ key: String) throws -> Tensor { try stored(key).tensor }

  /// A tensor that must have a given shape, or a given number of axes and a given length of the last axis.
  /// - Throws: ``ParityError/unfit(_:expected:found:)`` if its shape differs.
  func tensor(_ key: String, _ shape: [Int]? = nil, columns: Int? = nil, rank: Int? = nil) throws -> Tensor {
    let tensor = try tensor(key)
    guard shape.map({ $0 == tensor.shape }) ?? true, rank.map({ $0 == tensor.rank }) ?? true,
      columns.map({ $0 == tensor.shape.last }) ?? true
    else {
      let expected =
        shape.map { "shape \($0)" } ?? "\(rank ?? 0) axes" + (columns.map { ", the last one of length \($0)" } ?? "")
      throw ParityError.unfit("\(name): \(key)", expected: expected, found: "shape \(tensor.shape)")
    }
    return tensor
  }

  /// The values of a tensor of whole numbers.
  /// - Throws: ``ParityError/unfit(_:expected:found:)`` if the tensor's type is a floating-point type.
  func integers(_ key: String) throws -> [Int] {
    let stored = try stored(key)
    guard !stored.elementType.isFloating else {
      throw ParityError.unfit("\(name): \(key)", expected: "whole numbers", found: stored.elementType.rawValue)
    }
    return stored.integers.map { Int($0) }
  }

  func stored(_ key: String) throws -> StoredTensor {
    unread.remove(key)
    return try checkpoint.stored(key)
  }

  /// The weights under a prefix, for building a layer.
  func weights(under prefix: String) throws -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: try keys(under: prefix).map { ($0, try tensor(prefix + $0)) })
  }

  /// Marks the unread tensors under a prefix as skipped, and adds their number to the report.
  func skip(under prefix: String, as part: String, in report: ParityReport) {
    let keys = unread.filter { $0.hasPrefix(prefix) }
    unread.subtract(keys)
    if !keys.isEmpty { report.skip(part, count: keys.count) }
  }

  /// Reports every tensor that was not read as a failure.
  func finish(_ report: ParityReport) {
    for key in unread.sorted() { report.fail("\(name): \(key)", "this tensor is not known, so it was not compared") }
  }
}
