import Foundation
import Fuzzing
import TestSupport
import Testing

/// Gives the fuzzer's parsers valid files and a few thousand damaged ones; `Scripts/fuzz` tries millions.
@Suite(.longNumeric) struct FuzzTargetTests {
  static let seeds: [(FuzzTarget, [String])] = [
    (.safetensors, ["rng.safetensors", "reader/expected.safetensors"]),
    (.pickle, ["reader/mixed.bin", "reader/legacy.bin"]),
    (.zip, ["reader/mixed.bin"]), (.json, ["tokens.json", "components.json"]),
    (.image, ["photos/cat.jpg"]), (.phrases, ["tokens.json"]), (.tokenizer, ["tokens.json"]),
    (.config, ["pipeline/unet/config.json", "pipeline/vae/config.json", "pipeline/text_encoder/config.json"]),
  ]

  @Test(arguments: seeds)
  func damagedFilesDoNotCrash(target: FuzzTarget, files: [String]) throws {
    var numbers = TestNumbers(31)
    for file in files {
      let whole = try bytes(of: Golden.path(file))
      whole.withUnsafeBytes { target.run($0) }
      for _ in 0..<(target == .config ? 200 : 400) {
        var damaged = Array(whole.prefix(6000))
        for _ in 0..<(1 + Int(numbers.next() * 4)) {
          let position = Int(numbers.next() * Float(damaged.count - 1))
          switch Int(numbers.next() * 3) {
          case 0: damaged[position] = UInt8(numbers.next() * 255)
          case 1: damaged.remove(at: position)
          default: damaged.insert(contentsOf: damaged[position..<min(position + 9, damaged.count)], at: position)
          }
        }
        damaged.withUnsafeBytes { target.run($0) }
      }
    }
  }
}
