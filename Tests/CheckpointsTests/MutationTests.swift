import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// A damaged file is either read or refused with one of the parsers' errors.
@Suite struct MutationTests {
  @Test(arguments: ["reader/mixed.bin", "reader/legacy.bin", "reader/expected.safetensors"])
  func damagedFilesAreReadOrRefused(name: String) throws {
    let folder = try TemporaryFolder()
    let whole = try bytes(of: Golden.path(name))
    var numbers = TestNumbers(99)
    var refused = 0
    for _ in 0..<300 {
      var damaged = whole
      for _ in 0..<3 { damaged[Int(numbers.next() * Float(min(whole.count, 4000) - 1))] = UInt8(numbers.next() * 255) }
      let path = try folder.write(damaged, as: "d." + (name as NSString).pathExtension)
      do {
        let checkpoint = try Checkpoint(path)
        for key in checkpoint.keys { _ = try checkpoint.stored(key).tensor.count }
      } catch {
        #expect(error is CheckpointError || error is JSONError)
        refused += 1
      }
    }
    #expect(refused > 10)
  }
}
