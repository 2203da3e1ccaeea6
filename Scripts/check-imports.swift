// Compares the imports of every target with the dependencies that Package.swift declares for it, both ways.
//
// SwiftPM accepts an undeclared import if a different target happens to have built the module; then the manifest does
// not describe the true graph. Reads the output of `swift package describe --type json` on standard input, in the
// package's folder, and prints one line per finding.
import Foundation

/// The part of `swift package describe`'s output that is needed here.
struct Description: Decodable {
  struct Target: Decodable {
    let name: String
    let path: String
    let moduleType: String
    let sources: [String]
    let targetDependencies: [String]?
    let productDependencies: [String]?
  }
  let targets: [Target]
}

/// Modules that come with the toolchain and are not declared.
let toolchain: Set = ["Dispatch", "Foundation", "Glibc", "Synchronization", "Testing"]

let decoder = JSONDecoder()
decoder.keyDecodingStrategy = .convertFromSnakeCase
let description = try decoder.decode(Description.self, from: FileHandle.standardInput.readDataToEndOfFile())
var findings: [String] = []
for target in description.targets.sorted(by: { $0.name < $1.name }) where target.moduleType == "SwiftTarget" {
  let declared = Set((target.targetDependencies ?? []) + (target.productDependencies ?? []))
  var imported: [String: String] = [:]
  for source in target.sources.sorted() {
    let path = target.path + "/" + source
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let form = #/(?:@\w+(?:\(\w+\))? +)*(?:\w+ +)?import +(?:(?:struct|class|enum|protocol|func|var) +)?(\w+).*/#
      guard let match = line.wholeMatch(of: form), !toolchain.contains(String(match.1)) else { continue }
      imported[String(match.1)] = imported[String(match.1)] ?? "\(path):\(number + 1)"
    }
  }
  findings += imported.filter { !declared.contains($0.key) }.sorted { $0.key < $1.key }
    .map { "\($1): \(target.name) imports \($0), which Package.swift does not declare for it" }
  findings += declared.subtracting(imported.keys).sorted()
    .map { "Package.swift: \(target.name) declares \($0), which none of its files imports" }
}
for finding in findings { print(finding) }
exit(findings.isEmpty ? 0 : 1)
