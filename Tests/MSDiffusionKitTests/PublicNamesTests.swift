import Foundation
import MSDiffusionKit
import Testing

@Suite struct PublicNamesTests {
  /// A script that imports the package sees all modules at once, so no public name may be in two of them.
  @Test func noPublicTypeIsInTwoModules() throws {
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    let declaration = try Regex(
      #"(?m)^public (?:final |indirect )*(?:struct|class|enum|protocol|actor|typealias) (\w+)"#)
    var modules: [String: Set<String>] = [:]
    for module in try FileManager.default.contentsOfDirectory(atPath: sources.path) {
      let files = FileManager.default.enumerator(atPath: sources.appending(path: module).path)
      for case let file as String in files ?? .init() where file.hasSuffix(".swift") {
        let text = try String(contentsOf: sources.appending(path: "\(module)/\(file)"), encoding: .utf8)
        for match in text.matches(of: declaration) {
          if let name = match.output[1].substring { modules[String(name), default: []].insert(module) }
        }
      }
    }
    #expect(modules.count > 100)
    for (name, owners) in modules.sorted(by: { $0.key < $1.key }) {
      #expect(owners.count == 1, "\(name) is public in \(owners.sorted())")
    }
  }
}
