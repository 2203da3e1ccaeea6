import Foundation
import TestSupport
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

  /// A build that was moved or copied with its package is removed; one in its own place stays, also if the place is
  /// reached by a symbolic link.
  @Test(arguments: [("/elsewhere/pkg/.build", false), ("PLACE", true), ("LINK", true)])
  func aMovedBuildIsForgotten(written: String, stays: Bool) throws {
    let folder = try TemporaryFolder()
    let real = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path + "/pkg"
    try FileManager.default.createDirectory(atPath: real + "/.build", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: real)
    let build = (written == "LINK" ? folder.file("link") : real) + "/.build"
    let path = written.hasPrefix("/") ? written : real + "/.build"
    try "inputs: [\"\(path)/x.o\"]\n".write(toFile: build + "/release.yaml", atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [
      "-c", "set -- ; source \"$0\"; forget_moved_build \"$BUILD\"", Self.root + "/Scripts/preamble",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(["BUILD": build]) { $1 }
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let message = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(FileManager.default.fileExists(atPath: build) == stays)
    #expect(message.isEmpty == stays)
  }
}
