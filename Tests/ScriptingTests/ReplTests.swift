import Foundation
import Scripting
import TestSupport
import Testing

/// Types code into the REPL, such as an experiment's cells one by one, if a REPL can start.
@Suite struct ReplTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The package, with its built library from `.build/release` or, if there is none, from the folder of these tests;
  /// nil if the library is in neither.
  private static let package: ScriptPackage? = {
    for products in [root + "/.build/release", Bundle.main.bundlePath] {
      if FileManager.default.fileExists(atPath: products + "/libMSDiffusionKit.so") {
        return ScriptPackage(root: root, products: products)
      }
    }
    return nil
  }()

  /// The reason why no REPL can start here, in one sentence; nil if one can.
  private static let obstacle: String? = {
    guard let package else { return "the library has not been built; run Scripts/build" }
    do {
      _ = try package.replCommand()
      return nil
    } catch {
      return "\(error)"
    }
  }()

  @Test func missingRequirementsAreNamedInOneSentence() throws {
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

  /// Starts a REPL whose figures go to a folder.
  private func start(in folder: TemporaryFolder) throws -> (process: Process, input: FileHandle, output: FileHandle) {
    let command = try #require(Self.package).replCommand()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // Tests run on threads that block signals, and a child process inherits that.
    process.arguments = ["--default-signal=INT", "lldb"] + command.arguments
    process.environment = ProcessInfo.processInfo.environment.merging(command.environment) { $1 }
      .merging(["MSDIFFUSION_PACKAGE": folder.path]) { $1 }
    let (input, output) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (input, output, output)
    try process.run()
    return (process, input.fileHandleForWriting, output.fileHandleForReading)
  }

  /// Types lines into a REPL, leaves it, and returns what it wrote.
  private func typed(_ lines: String, in folder: TemporaryFolder) throws -> String {
    let (process, input, output) = try start(in: folder)
    input.write(Data((lines + "\n:quit\n").utf8))
    let text = String(decoding: output.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
  }

  @Test(.enabled(if: obstacle == nil, "no REPL can start here"), .timeLimit(.minutes(3)))
  func everyCellOfAnExperimentRuns() throws {
    let script = try String(contentsOfFile: Self.root + "/Experiments/AttentionOverTime.swift", encoding: .utf8)
    let cells = script.components(separatedBy: "// %%")
    #expect(cells.count == 4)
    let folder = try TemporaryFolder()
    let lines = cells.enumerated().map { number, cell in cell.drop { $0 != "\n" } + "\nprint(\"cell \(number) done\")" }
    let text = try typed(lines.joined(separator: "\n"), in: folder)
    for number in cells.indices { #expect(text.contains("cell \(number) done"), "\(text.suffix(2000))") }
    #expect(text.contains("run: MSDiffusionKit.Run = Run REPL: seed 0"))
    #expect(!text.contains("error:"), "\(text.suffix(2000))")
    let figures = try FileManager.default.contentsOfDirectory(atPath: folder.file("Figures")).sorted()
    #expect(figures == ["REPL.gif", "REPL.json"])
  }

  @Test(.enabled(if: obstacle == nil, "no REPL can start here"), .timeLimit(.minutes(3)))
  func valuesAndErrorsAreShownOnOneLine() throws {
    let text = try typed(
      """
      import MSDiffusionKit
      let box = Box(0, 0.25, 0.5, 1)
      box
      let tensor = Tensor([1, 2, 3], shape: [3])
      [tensor, tensor + tensor]
      let some: Tensor? = tensor
      struct Pair { let box: Int; let other: Box }
      Pair(box: 3, other: Box(0, 0, 1, 1))
      AttentionRecorder(.text)
      HeatmapAccumulator()
      let hook = Hook.observe(HookSelection(.textAttention, patterns: ["up_blocks.*"])) { _ in }
      hook
      try HookSession([], catalog: HookCatalog())
      try Run().reference("hippo")
      print("still there")
      """, in: TemporaryFolder())
    let lines = text.split(separator: "\n").map(String.init)
    func shown(_ type: String) -> [String] {
      lines.compactMap { line in line.range(of: ": \(type) = ").map { String(line[$0.upperBound...]) } }
    }
    #expect(shown("Analysis.Box") == ["Box(0.0, 0.25, 0.5, 1.0)", "Box(0.0, 0.25, 0.5, 1.0)"], "\(text)")
    #expect(text.contains("[1] = Tensor [3], 2.0…6.0, mean 4.0: [2.0, 4.0, 6.0]"))
    #expect(shown("Tensors.Tensor?") == ["Tensor [3], 1.0…3.0, mean 2.0: [1.0, 2.0, 3.0]"])
    // A member is not mistaken for a variable of the same name.
    #expect(text.contains("other = Box(0.0, 0.0, 1.0, 1.0)"))
    #expect(
      shown("MSDiffusion.AttentionRecorder") == ["AttentionRecorder text: 0 samples, 0 layers, 0 steps, 0 KiB"])
    #expect(shown("Analysis.HeatmapAccumulator") == ["HeatmapAccumulator: 0 layers, 0 steps, 0 KiB"])
    let hook = "Hook observing textAttention; up_blocks.*"
    #expect(shown("Layers.Hook") == [hook, hook])
    #expect(shown("Layers.HookSession") == ["HookSession of 0 hooks"])
    let error = try #require(shown("MSDiffusionKit.RunError").first)
    #expect(error.hasPrefix("no emoji or photograph is called 'hippo'; there are apple"))
    #expect(!text.contains("uninitialized") && lines.last { !$0.isEmpty }?.contains("still there") ?? false)
  }

  @Test(.enabled(if: obstacle == nil, "no REPL can start here"), .timeLimit(.minutes(3)))
  func interruptsEndAGenerationAfterTheCurrentStep() throws {
    let (process, input, output) = try start(in: TemporaryFolder())
    var text = ""
    func wait(for mark: String) {
      while !text.contains(mark) {
        let data = output.availableData
        guard !data.isEmpty else { return }
        text += String(decoding: data, as: UTF8.self)
      }
    }
    input.write(
      Data(
        """
        import MSDiffusionKit
        let run = Run()
        let scene = try run.scene("a fox", [try run.subject("fox")], steps: 600)
        let steps = Hook.observe(HookSelection(.latents)) { if $0.moment.step == 3 { print("three steps") } }
        let made = try run.generate(scene, observing: steps)

        """.utf8))
    wait(for: "three steps")
    kill(process.processIdentifier, SIGINT)
    wait(for: "made: ")
    input.write(Data("print(\"ended:\", made.completedSteps > 3 && made.isCancelled, made.image.width)\n:quit\n".utf8))
    wait(for: "no such text")
    process.waitUntilExit()
    #expect(text.contains("ended: true 64"), "\(text.suffix(2000))")
    #expect(text.contains("stopped after step") && !text.contains("interrupted"), "\(text.suffix(2000))")
  }
}
