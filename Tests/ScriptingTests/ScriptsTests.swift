import Foundation
import Testing

/// Rules that all files in `Scripts/` follow.
@Suite struct ScriptsTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  private static let scripts: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root + "/Scripts")) ?? []
    return names.filter { !$0.hasPrefix(".") && FileManager.default.isExecutableFile(atPath: root + "/Scripts/" + $0) }
      .sorted()
  }()

  /// Whether a script can run: those whose options the program parses need the program, which tests do not build.
  private static func canRun(_ script: String) throws -> Bool {
    let isBuilt = FileManager.default.fileExists(atPath: root + "/.build/release/msdiffusion")
    return try isBuilt || !String(contentsOfFile: root + "/Scripts/" + script, encoding: .utf8).contains("help=program")
  }

  private func run(_ script: String, _ arguments: String...) throws -> (code: Int32, output: String, errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.root + "/Scripts/" + script)
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    func text(_ pipe: Pipe) -> String {
      String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
    let texts = (text(output), text(errors))
    process.waitUntilExit()
    return (process.terminationStatus, texts.0, texts.1)
  }

  @Test(arguments: scripts) func everyScriptHasHelp(script: String) throws {
    guard try Self.canRun(script) else { return }
    let help = try run(script, "--help")
    #expect(help.code == 0 && help.errors.isEmpty)
    #expect(help.output.contains("Scripts/\(script)"))
  }

  @Test(arguments: ["build", "docs", "fuzz", "full-size", "lint", "setup", "test"])
  func wrongOptionsAreErrorsWithTheUsage(script: String) throws {
    let refused = try run(script, "--nonsense")
    #expect(refused.code == 1 && refused.output.isEmpty)
    #expect(refused.errors.hasPrefix("error: expected "))
    #expect(refused.errors.contains("found '--nonsense'") && refused.errors.contains("Usage: Scripts/\(script)"))
  }

  @Test func everyScriptBeginsInTheSameWay() throws {
    #expect(Self.scripts.count > 10)
    for script in Self.scripts {
      let text = try String(contentsOfFile: Self.root + "/Scripts/" + script, encoding: .utf8)
      #expect(text.contains("\nsource \"$(dirname \"${BASH_SOURCE[0]}\")/preamble\"\n"), "\(script)")
    }
  }
}
