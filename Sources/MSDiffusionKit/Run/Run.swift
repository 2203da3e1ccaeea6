import ArgumentParser
import Foundation
import Scripting

/// One run of an experiment: its options, its checkpoint, and the scenes and figures that it makes.
///
/// A script begins with `let run = Run()`, which reads the options after the script's name; `--help` lists them. In the
/// REPL there are no options, so every option has its default.
public final class Run {
  /// The script's file name without `.swift`.
  public let name: String
  /// Folder for figures; created when the first one is saved.
  public let output: String
  /// Seed for all random numbers of the run.
  public let seed: UInt64
  private let options: RunOptions
  private var opened: Pipeline?
  private var warned: Set<String> = []
  /// The scenes that this run generated, in order.
  public private(set) var generated: [SceneRecord] = []

  /// A run with the options that the script was started with. Invalid options end the program with a one-line error.
  public convenience init() { self.init(Self.arguments(NoOptions.self)) }

  /// A run whose script defines options in addition to the common ones. Invalid options end the program with a one-line
  /// error.
  public static func with<Own: ParsableArguments>(_ own: Own.Type) -> (run: Run, options: Own) {
    let arguments = arguments(own)
    return (Run(arguments), arguments.options.own)
  }

  /// A run with options as on the command line.
  /// - Throws: ArgumentParser's errors.
  public convenience init(name: String, arguments: [String]) throws {
    self.init(NamedArguments(name: name, options: try RunArguments<NoOptions>.parse(arguments)))
  }

  private init<Own: ParsableArguments>(_ arguments: NamedArguments<Own>) {
    (name, options) = (arguments.name, arguments.options.common)
    seed = options.seed ?? SceneSettings.published.seed
    let folder = ScriptContext.current.package ?? FileManager.default.currentDirectoryPath
    output = options.output ?? folder + "/Figures"
  }

  private static func arguments<Own: ParsableArguments>(_ own: Own.Type) -> NamedArguments<Own> {
    let isScript = ScriptContext.current.isSupervised
    // So what a script has printed is not lost if it stops at an error.
    writeLineByLine()
    let arguments = isScript ? CommandLine.arguments : ["REPL"]
    let script = arguments.first ?? "script"
    do {
      return NamedArguments(
        name: (script as NSString).lastPathComponent.replacing(".swift", with: ""),
        options: try RunArguments<Own>.parse(Array(arguments.dropFirst())))
    } catch {
      if RunArguments<Own>.exitCode(for: error).isSuccess {
        print(question(of: script) + "\n\n" + RunArguments<Own>.helpMessage())
        exit(0)
      }
      FileHandle.standardError.write(Data("error: \(RunArguments<Own>.message(for: error))\n".utf8))
      exit(1)
    }
  }

  /// Makes standard output line-buffered, as on a terminal. Swift does not allow using the C library's global variable
  /// `stdout` directly, so it is looked up by name.
  private static func writeLineByLine() {
    guard let place = dlsym(nil, "stdout") else { return }
    setvbuf(place.assumingMemoryBound(to: UnsafeMutablePointer<FILE>.self).pointee, nil, _IOLBF, 0)
  }

  /// The comment at the beginning of a script: its question and its usage.
  private static func question(of script: String) -> String {
    let lines = (try? String(contentsOfFile: script, encoding: .utf8))?.split(separator: "\n") ?? []
    return lines.prefix { $0.hasPrefix("//") }.map { $0.drop { $0 == "/" || $0 == " " } }.joined(separator: "\n")
  }

  /// - Throws: ``RunError/option(name:found:expected:)`` for a number below 1.
  func checkPositive(_ number: Int?, _ option: String) throws {
    if let number, number < 1 {
      throw RunError.option(name: option, found: "\(number)", expected: "a whole number above 0")
    }
  }

  // MARK: Checkpoint, scenes and generations

  /// The checkpoint's folder.
  public var checkpoint: String { options.checkpoint ?? Bundled.model }

  /// The number of denoising steps: `--steps` if given, else the script's suggestion.
  public func steps(_ suggested: Int) -> Int { options.steps ?? suggested }

  /// Settings for measurements: this run's options, else the checkpoint's defaults.
  /// - Throws: `SchedulerError` if `--scheduler` names none; what ``pipeline()`` throws.
  public func generationSettings() throws -> GenerationSettings {
    var settings = GenerationSettings(try pipeline().defaults)
    settings.scene = settings.scene.overlaid(with: try options.overlay())
    return settings
  }

  /// Refuses the options that a measurement would ignore: its scenes are numbered, a scene's number gives its seed and
  /// noise, and the model gives the size.
  /// - Throws: ``RunError/option(name:found:expected:)`` if an option asks for something else.
  func checkMeasurementOptions() throws {
    let unused: [(name: String, value: String?)] = [
      ("--seed", options.seed.map { "\($0)" }), ("--size", options.size.map { "\($0)" }),
      ("--latents", options.latents),
    ]
    for case (let name, let value?) in unused {
      throw RunError.option(name: name, found: value, expected: "no such option: measurements fix seed, size and noise")
    }
  }

  /// The checkpoint that `--checkpoint` names, else the bundled model; opened once.
  /// - Throws: what `Pipeline` throws.
  public func pipeline() throws -> Pipeline {
    if let opened { return opened }
    let pipeline = try Pipeline(
      checkpoint, variant: options.variant, adapterHeads: options.adapterHeads,
      ignoresSurplus: options.ignoreSurplus)
    opened = pipeline
    return pipeline
  }

  /// A bundled emoji or photograph by its name, or any image file by its path.
  /// - Throws: ``RunError``, `ImageError`.
  public func reference(_ name: String) throws -> Picture {
    let isPath = name.contains("/") || FileManager.default.fileExists(atPath: name)
    return try isPath ? Picture(contentsOf: name) : Picture(contentsOf: Bundled.reference(name), named: name)
  }

  /// A subject from a reference image.
  /// - Parameters:
  ///   - name: As for ``reference(_:)``.
  ///   - phrase: The words for the subject in the prompt; nil: the image's name.
  ///   - box: Where the subject is to be.
  /// - Throws: as ``reference(_:)``.
  public func subject(_ name: String, phrase: String? = nil, box: Box = .none) throws -> Subject {
    Subject(phrase ?? name, picture: try reference(name), box: box)
  }

  /// A scene with the published settings, overlaid with the settings of the checkpoint, the script and this run's
  /// options, in this order.
  /// - Parameters:
  ///   - steps: The script's suggestion for the number of denoising steps.
  ///   - change: Applied last; overrides even the command-line options.
  /// - Throws: `SchedulerError` if `--scheduler` names none; `NumPyError` if the file of `--latents` cannot be read;
  ///   what ``pipeline()`` throws.
  public func scene(
    _ prompt: String, _ subjects: [Subject], steps: Int? = nil, _ change: (inout Scene) -> Void = { _ in }
  ) throws -> Scene {
    let defaults = try pipeline().defaults.overlaid(with: SettingsOverlay { $0.steps = steps })
      .overlaid(with: options.overlay())
    var scene = Scene(defaults.prompt(prompt), subjects: subjects, settings: defaults.settings)
    scene.noise = try options.latents.map { try InitialNoise(contentsOf: $0) }
    change(&scene)
    return scene
  }

  /// A scene from a file. Settings missing from the file come from the checkpoint; command-line options override both.
  /// - Throws: as `Scene(_:files:defaults:)` and ``pipeline()``.
  public func scene(contentsOf path: String) throws -> Scene {
    var scene = try Scene(
      JSONNode.read(path), files: SceneFiles(nextTo: path), defaults: pipeline().defaults.settings)
    scene.settings = scene.settings.overlaid(with: try options.overlay())
    scene.noise = try options.latents.map { try InitialNoise(contentsOf: $0) } ?? scene.noise
    return scene
  }

  /// Generates an image of the scene, showing progress, and adds the scene to the JSON saved with later figures.
  ///
  /// In the REPL, Ctrl-C ends the generation after the current step; the image is then that step's prediction.
  /// - Throws: as `Pipeline.generate`.
  public func generate(
    _ scene: Scene, conditions: Conditions? = nil, observing: any Observing..., as label: String = ""
  ) throws -> Generation {
    let line = ProgressLine(label.isEmpty ? name : label)
    defer { line.finish() }
    let pipeline = try pipeline()
    let generation = try untilInterrupted {
      try pipeline.generate(scene, conditions: conditions, observing: observing) { line.show($0) }
    }
    note(scene, label, hasOwnConditions: conditions != nil)
    for warning in generation.warnings where warned.insert(warning).inserted { line.warn(warning) }
    if generation.isCancelled {
      line.warn(
        "stopped after step \(generation.completedSteps) of \(scene.steps); the image is what that step predicts")
    }
    return generation
  }

  /// Generates an image of the scene and returns every activation at the chosen hook points, by name and with its axes.
  /// - Parameter patterns: names of hook points; `*` matches anything.
  /// - Throws: as ``generate(_:conditions:observing:as:)``; `HookError` if a pattern's hook points cannot fire.
  public func cache(_ patterns: String..., of scene: Scene) throws -> ActivationRecorder {
    let recorder = ActivationRecorder(HookSelection(patterns: patterns))
    _ = try generate(scene, observing: recorder)
    return recorder
  }

  private func note(_ scene: Scene, _ label: String, hasOwnConditions: Bool) {
    let record = SceneRecord(labels: [label], scene: scene, hasOwnConditions: hasOwnConditions)
    if let index = generated.firstIndex(where: { $0.isOfSameScene(as: record) }) {
      if !generated[index].labels.contains(label) { generated[index].labels.append(label) }
    } else {
      generated.append(record)
    }
  }

  /// In the REPL, Ctrl-C stops the work after the current step and the REPL continues. A script exits immediately.
  private func untilInterrupted<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard ScriptContext.current.isREPL else { return try body() }
    let cancellation = Cancellation()
    let watch = cancellation.atSignals()
    defer { withExtendedLifetime(watch) {} }
    return try Cancellation.$current.withValue(cancellation, operation: body)
  }

  // MARK: Saving figures

  /// Writes a figure as `NAME.png`, and `NAME.json` next to it with seed, options, checkpoint, the scenes that the run
  /// has generated so far, and the numbers that the figure shows.
  /// - Throws: `PlotError`, `ImageError`, ``RunError``.
  public func save(_ figure: any Figure, as name: String? = nil, numbers: JSONValue) throws {
    let path = try prepared(name, ending: "png")
    try figure.image().write(path)
    try finish(path, name, numbers)
  }

  /// Saves a figure with any encodable value as its numbers.
  public func save(_ figure: any Figure, as name: String? = nil, numbers: some Encodable) throws {
    try save(figure, as: name, numbers: JSONValue(encoding: numbers))
  }

  /// Saves an animation with any encodable value as its numbers.
  public func save(_ animation: Animation, as name: String? = nil, numbers: some Encodable) throws {
    try save(animation, as: name, numbers: JSONValue(encoding: numbers))
  }

  /// Writes an animation as `NAME.gif`, and `NAME.json` next to it with the same content as for a figure.
  public func save(_ animation: Animation, as name: String? = nil, numbers: JSONValue) throws {
    let path = try prepared(name, ending: "gif")
    try animation.write(path)
    try finish(path, name, numbers)
  }

  private func prepared(_ name: String?, ending: String) throws -> String {
    do {
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    } catch {
      throw RunError.file(path: output, reason: "the folder cannot be made: \(error.localizedDescription)")
    }
    return "\(output)/\(name ?? self.name).\(ending)"
  }

  private func finish(_ path: String, _ name: String?, _ numbers: JSONValue) throws {
    try record(numbers).write(to: "\(output)/\(name ?? self.name).json")
    print("\(path)")
  }

  /// The content of a figure's JSON file, with paths relative to the output folder.
  func record(_ numbers: JSONValue) throws -> JSONValue {
    let pipeline = try pipeline()
    var entries: [(String, JSONValue)] = []
    if let steps = options.steps { entries.append(("steps", JSONValue(steps))) }
    if let guidance = options.guidance { entries.append(("guidance", JSONValue(guidance))) }
    if let size = options.size { entries.append(("size", JSONValue(size))) }
    if let scheduler = options.scheduler { entries.append(("scheduler", .string(scheduler))) }
    if let latents = options.latents { entries.append(("latents", .string((latents as NSString).lastPathComponent))) }
    if let variant = options.variant { entries.append(("variant", .string(variant))) }
    return .object([
      ("experiment", .string(name)), ("seed", .string(String(seed))), ("options", .object(entries)),
      (
        "checkpoint",
        .object([
          (
            "name",
            .string(options.checkpoint.map { ($0 as NSString).lastPathComponent } ?? "the package's model")
          ),
          ("sha256", .string(pipeline.hash())),
        ])
      ), ("scenes", .array(try generated.map { try stored($0).json(in: output) })), ("numbers", numbers),
    ])
  }

  /// A sentence about the checkpoint for a figure's caption.
  public var checkpointNote: String {
    options.checkpoint == nil
      ? "Made with the package's own model of 64 pixels."
      : "Checkpoint: \((checkpoint as NSString).lastPathComponent)."
  }
}

extension Run: CustomStringConvertible {
  /// Name, seed, checkpoint and output folder.
  public var description: String { "Run \(name): seed \(seed), checkpoint \(checkpoint), figures in \(output)" }
}
