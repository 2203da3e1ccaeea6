import Foundation
import Tensors

extension ParityFolder {
  /// `rng.safetensors`: keys consist of `seedN.` and the name of what is drawn from a new generator.
  func randomNumbers() throws {
    let file = try GoldenFile(path, "rng.safetensors")
    let tolerance = Tolerance.absolute(1e-6)
    var chains: Set<String> = []
    for key in file.keys {
      let parts = key.split(separator: ".").map(String.init)
      guard parts.count >= 2, parts[0].hasPrefix("seed"), let seed = UInt64(parts[0].dropFirst(4)) else { continue }
      var generator = RandomGenerator(seed: seed)
      let name = "rng " + key
      if parts[1] == "consecutive" {
        guard chains.insert(parts[0]).inserted else { continue }
        let links = file.keys(under: "seed\(seed).consecutive.")
          .sorted { (Int($0.prefix { $0 != "_" }) ?? 0) < (Int($1.prefix { $0 != "_" }) ?? 0) }
        for link in links {
          let golden = try file.tensor("seed\(seed).consecutive.\(link)")
          report.compare("rng seed\(seed).consecutive.\(link)", generator.normal(golden.shape), with: golden, tolerance)
        }
      } else if parts[1].hasPrefix("randn") || parts[1].hasPrefix("latent") {
        let golden = try file.tensor(key)
        var drawn = generator
        if parts[1] == "latent_two_generators" {
          let shape = [1] + golden.shape.dropFirst()
          drawn = RandomGenerator(seed: (seed + 1) % (1 << 32))
          let both = Tensor.concatenated([generator.normal(shape), drawn.normal(shape)], axis: 0)
          report.compare(name, both, with: golden, tolerance)
        } else {
          report.compare(name, drawn.normal(golden.shape), with: golden, tolerance)
        }
      } else if parts[1].hasPrefix("randint"), let bound = Int(parts[1].dropFirst(7)) {
        let golden = try file.integers(key)
        report.compare(name, generator.integers(below: bound, count: golden.count).map { Int($0) }, with: golden)
      } else if parts[1].hasPrefix("randperm") {
        let golden = try file.integers(key)
        report.compare(name, generator.permutation(golden.count), with: golden)
      } else if parts[1].hasPrefix("rand") {
        let golden = try file.tensor(key)
        report.compare(name, generator.uniform(golden.shape), with: golden, .exact)
      }
    }
    file.finish(report)
  }
}
