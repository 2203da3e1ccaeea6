import Checkpoints
import Foundation
import JSON
import Tensors

extension ParityFolder {
  /// `reader/`: every tensor in every pickled file, and the file's other values.
  func readers() throws {
    let expected = try GoldenFile(path, "reader/expected.safetensors")
    let scalars = try json("reader/expected.json")
    for name in Self.files(in: path + "/reader") where !name.hasPrefix("expected.") {
      let stem = (name as NSString).deletingPathExtension
      attempt("reader/" + name) {
        let checkpoint = try Checkpoint(path + "/reader/" + name)
        let keys = expected.keys(under: stem + "/")
        for key in checkpoint.keys where !keys.contains(key) {
          report.fail("reader/\(name): \(key)", "this tensor is not among the expected ones")
        }
        for key in keys {
          let row = "reader/\(name): \(key)"
          guard checkpoint.contains(key) else {
            report.fail(row, "this tensor was not found in the file")
            continue
          }
          let (found, golden) = (try checkpoint.stored(key), try expected.stored(stem + "/" + key))
          if found.shape != golden.shape {
            report.fail(row, "shape \(found.shape), expected \(golden.shape)")
          } else {
            report.compare(row, found.doubles, with: golden.doubles, .exact)
          }
        }
        for key in try scalars[stem].isPresent ? scalars[stem].keys() : [] {
          let (found, golden) = (
            checkpoint.scalars[key].map { $0.text(pretty: false) },
            scalars[stem][key].value.map { $0.text(pretty: false) }
          )
          report.compare("reader/\(name): \(key) (\(golden ?? "null"))", found == golden ? [1] : [0], with: [1])
        }
      }
    }
    expected.finish(report)
  }

  /// `unet_sharded/`: the same weights as the pipeline's U-Net, split into several files.
  func shardedUNet() throws {
    let sharded = try Checkpoint(path + "/unet_sharded")
    let whole = try ModelFolder(path + "/pipeline").checkpoint(of: .unet)
    guard sharded.keys == whole.keys else {
      let missing = whole.keys.count { !sharded.contains($0) }
      return report.fail(
        "unet_sharded",
        "\(sharded.keys.count) keys, expected the \(whole.keys.count) of pipeline/unet; \(missing) of them are missing")
    }
    var (found, golden): ([Double], [Double]) = ([], [])
    for key in whole.keys {
      found += try sharded.stored(key).doubles
      golden += try whole.stored(key).doubles
    }
    report.compare("unet_sharded: \(whole.keys.count) tensors", found, with: golden, .exact)
    let files = sharded.files + (ModelFolder.configuration(beside: sharded.path).map { [$0] } ?? [])
    let known = Set(files.map { ($0 as NSString).lastPathComponent })
    for name in Self.files(in: path + "/unet_sharded") where !known.contains(name) {
      report.fail("unet_sharded/" + name, "this file is not known, so it was not compared")
    }
  }
}

extension StoredTensor {
  /// Every value in double precision.
  var doubles: [Double] {
    switch elementType {
    case .int64, .int32, .int16, .int8, .uint8, .bool: integers.map { Double($0) }
    case .float64, .float32, .float16, .bfloat16: tensor.values.map { Double($0) }
    }
  }
}
