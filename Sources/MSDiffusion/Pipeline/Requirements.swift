import Checkpoints
import Foundation
import Layers
import Models
import Tensors

extension Pipeline {
  /// What runs, for people to read: the weights' types and size, and what computes with them.
  public var summary: String {
    let parameters = sources.values.flatMap { $0.parameters.values }
    let types = Set(parameters.map { $0.storedType.rawValue }).sorted().joined(separator: " and ")
    return "\(Self.size(bytes(of: Array(sources.keys)))) of \(types) weights, "
      + "\(Self.size(bytes(of: Self.readInEveryStep))) of them read in every step; \(Backend.description)"
  }

  /// Checks that the weights that every step reads fit into memory: otherwise each step would read them from the disk.
  /// - Throws: ``PipelineError/memory(folder:needed:available:)``.
  package func checkMemory(available: UInt64 = ProcessInfo.processInfo.physicalMemory) throws {
    let needed = bytes(of: Self.readInEveryStep)
    guard UInt64(needed) <= available else {
      throw PipelineError.memory(folder: folder, needed: needed, available: Int(clamping: available))
    }
  }

  private static let readInEveryStep: [ModelPart] = [.unet, .adapter]

  private func bytes(of parts: [ModelPart]) -> Int {
    parts.compactMap { sources[$0] }.flatMap { $0.parameters.values }.reduce(0) { $0 + $1.count * $1.storedType.size }
  }

  private static func size(_ bytes: Int) -> String {
    bytes < 1_000_000_000 ? "\((bytes + 500_000) / 1_000_000) MB" : "\((Double(bytes) / 100_000_000).rounded() / 10) GB"
  }
}
