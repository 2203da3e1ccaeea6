import Foundation
import Scripting
import TestSupport
import Testing

/// An experiment's cells in the REPL, one by one, where a REPL can start.
@Suite struct ReplTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The package with its library as it was built beside these tests; nil where there is none.
  private static let package: ScriptPackage? = {
    for products in [root + "/.build/release", Bundle.main.bundlePath] {
      if FileManager.default.fileExists(atPath: products + "/libMSDiffusionKit.so") {
        return ScriptPackage(root: root, products: products)
      }
    }
    return nil
  }()

  /// Why no REPL can start here, in one sentence; nil where one can.
  private static let obstacle: String? = {
    guard let package else { return "the library has not been built; run Scripts/build" }
    do {
      _ = try package.replCommand()
      return nil
    } catch {
      return "\(error)"
    }
  }()

  @Test func whatIsMissingIsSaidInOneSentence() throws {
    if let obstacle = Self.obstacle {
      #expect(!obstacle.contains("\n"))
      print("The REPL is not tested: \(obstacle)")
    }
    let library = try #require(PythonLibrary(listing: "\tlibpython3.10.so.1.0 => not found\n"))
    #expect(library.name == "libpython3.10.so.1.0")
    let folder = try TemporaryFolder()
    let error = #expect(throws: ScriptingError.self) { try library.find(in: [folder.path + "/*"]) }
    #expect("\(try #require(error))".contains("libpython3.10.so.1.0"))
    _ = try folder.write([], as: "libpython3.10.so.1.0")
    #expect(try library.find(in: [folder.path]) == folder.file("libpython3.10.so.1.0"))
  }

  @Test(.enabled(if: obstacle == nil, "no REPL can start here"), .timeLimit(.minutes(3)))
  func everyCellOfAnExperimentRuns() throws {
    let script = try String(contentsOfFile: Self.root + "/Experiments/AttentionOverTime.swift", encoding: .utf8)
    let cells = script.components(separatedBy: "// %%")
    #expect(cells.count == 4)
    let folder = try TemporaryFolder()
    let command = try #require(Self.package).replCommand()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["lldb"] + command.arguments
    process.environment = ProcessInfo.processInfo.environment.merging(command.environment) { $1 }
      .merging(["MSDIFFUSION_PACKAGE": folder.path]) { $1 }
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    for (number, cell) in cells.enumerated() {
      input.fileHandleForWriting.write(Data((cell.drop { $0 != "\n" } + "\nprint(\"cell \(number) done\")\n").utf8))
    }
    input.fileHandleForWriting.write(Data(":quit\n".utf8))
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    for number in cells.indices { #expect(text.contains("cell \(number) done"), "\(text.suffix(2000))") }
    #expect(text.contains("run: MSDiffusionKit.Run = Run REPL: seed 0"))
    #expect(!text.contains("error:"), "\(text.suffix(2000))")
    let figures = try FileManager.default.contentsOfDirectory(atPath: folder.file("Figures")).sorted()
    #expect(figures == ["REPL.gif", "REPL.json"])
  }
}
