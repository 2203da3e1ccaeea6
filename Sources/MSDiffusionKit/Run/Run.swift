import ArgumentParser
import Foundation
import Scripting

/// One run of an experiment: its options, where its figures go, and what they are made from.
///
/// A script begins with `let run = Run()`, which reads the options after the script's name; `--help` lists them. In the
/// REPL there are none, and the defaults hold.
public final class Run {
  /// The script's name without its ending.
  public let name: String
  /// Folder of the figures; made when the first one is saved.
  public let output: String
  /// Seed of all random numbers of the run.
  public let seed: UInt64
  private let options: RunOptions
  private var opened: Pipeline?
  private var warned: Set<String> = []
  /// The scenes that this run generated, in order.
  public private(set) var generated: [SceneRecord] = []

  /// Options of the running script; wrong ones end the program with one line.
  public convenience init() { self.init(Self.arguments(NoOptions.self)) }

  /// A run whose script has options of its own beside those of all; wrong ones end the program with one line.
  public static func with<Own: ParsableArguments>(_ own: Own.Type) -> (run: Run, options: Own) {
    let arguments = arguments(own)
    return (Run(arguments), arguments.options.own)
  }

  /// A run with options given as on the command line.
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
    // A script that stops at an error loses nothing that it has printed.
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

  /// Makes standard output give up every line at once, as it does on a terminal. The C library's `stdout` is a variable
  /// that Swift cannot know to be safe; it is looked up by name and only set up here.
  private static func writeLineByLine() {
    guard let place = dlsym(nil, "stdout") else { return }
    setvbuf(place.assumingMemoryBound(to: UnsafeMutablePointer<FILE>.self).pointee, nil, _IOLBF, 0)
  }

  /// The comment that a script begins with: its question and its usage.
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

  // MARK: What a run is made from

  /// The checkpoint's folder.
  public var checkpoint: String { options.checkpoint ?? Bundled.model }

  /// Denoising steps: those of `--steps`, else what the script suggests.
  public func steps(_ suggested: Int) -> Int { options.steps ?? suggested }

  /// What this run's options say of guidance and steps, else what the checkpoint's defaults say.
  public func generationSettings() throws -> GenerationSettings {
    var settings = GenerationSettings(try pipeline().defaults)
    settings.scene = settings.scene.overlaid(
      with: SettingsOverlay { ($0.steps, $0.guidance) = (options.steps, options.guidance) })
    return settings
  }

  /// The checkpoint that `--checkpoint` names, else the model of this package; opened once.
  /// - Throws: what `Pipeline` throws.
  public func pipeline() throws -> Pipeline {
    if let opened { return opened }
    let pipeline = try Pipeline(
      checkpoint, variant: options.variant, adapterHeads: options.adapterHeads,
      ignoresSurplus: options.ignoreSurplus)
    opened = pipeline
    return pipeline
  }

  /// An emoji or a photograph of this package by its name, or any image file by its path.
  /// - Throws: ``RunError``, `ImageError`.
  public func reference(_ name: String) throws -> Picture {
    let isPath = name.contains("/") || FileManager.default.fileExists(atPath: name)
    return try isPath ? Picture(contentsOf: name) : Picture(contentsOf: Bundled.reference(name), named: name)
  }

  /// A subject from a reference image.
  /// - Parameters:
  ///   - name: As ``reference(_:)`` takes it.
  ///   - phrase: What the prompt calls it; the image's name where nil.
  ///   - box: Where it is to be.
  /// - Throws: as ``reference(_:)``.
  public func subject(_ name: String, phrase: String? = nil, box: Box = .none) throws -> Subject {
    Subject(phrase ?? name, picture: try reference(name), box: box)
  }

  /// A scene with the published settings, overlaid with what the checkpoint, the script and this run's options say, in
  /// this order.
  /// - Parameters:
  ///   - steps: Denoising steps that the script suggests.
  ///   - change: The script's last word.
  /// - Throws: `SchedulerError` where `--scheduler` names none; `NumPyError` for what `--latents` names; what
  ///   ``pipeline()`` throws.
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

  /// A scene from a file: what it does not say of the settings is as the checkpoint says, and this run's options
  /// have the last word.
  /// - Throws: as `Scene(_:files:defaults:)` and ``pipeline()``.
  public func scene(contentsOf path: String) throws -> Scene {
    var scene = try Scene(
      JSONNode.read(path), files: SceneFiles(besides: path), defaults: pipeline().defaults.settings)
    scene.settings = scene.settings.overlaid(with: try options.overlay())
    scene.noise = try options.latents.map { try InitialNoise(contentsOf: $0) } ?? scene.noise
    return scene
  }

  /// Generates a scene, shows how far it is, and notes the scene for the record beside the figures that follow.
  ///
  /// In the REPL, Ctrl-C ends it after its step with what it has.
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

  /// Generates a scene and returns every activation that passed the chosen hook points, by name and with its axes.
  /// - Parameter patterns: names of hook points, `*` standing for anything.
  /// - Throws: as ``generate(_:conditions:observing:as:)``; `HookError` for a pattern that can never fire.
  public func cache(_ patterns: String..., of scene: Scene) throws -> ActivationRecorder {
    let recorder = ActivationRecorder(HookSelection(patterns: patterns))
    _ = try generate(scene, observing: recorder)
    return recorder
  }

  private func note(_ scene: Scene, _ label: String, hasOwnConditions: Bool) {
    let record = SceneRecord(labels: [label], scene: scene, hasOwnConditions: hasOwnConditions)
    if let same = generated.firstIndex(where: { $0.isOfSameScene(as: record) }) {
      if !generated[same].labels.contains(label) { generated[same].labels.append(label) }
    } else {
      generated.append(record)
    }
  }

  /// Lets Ctrl-C end work after its step in the REPL, which goes on; a script ends at once.
  private func untilInterrupted<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard ScriptContext.current.isREPL else { return try body() }
    let cancellation = Cancellation()
    let watch = cancellation.atSignals()
    defer { withExtendedLifetime(watch) {} }
    return try Cancellation.$current.withValue(cancellation, operation: body)
  }

  // MARK: What a run leaves

  /// Writes a figure as `NAME.png` and, beside it, `NAME.json` with seed, options, checkpoint, the scenes that the run
  /// generated so far, and the numbers shown.
  /// - Throws: `PlotError`, `ImageError`, ``RunError``.
  public func save(_ figure: any Figure, as name: String? = nil, numbers: JSONValue) throws {
    let path = try prepared(name, ending: "png")
    try figure.image().write(path)
    try finish(path, name, numbers)
  }

  /// The same with the numbers of any encodable value.
  public func save(_ figure: any Figure, as name: String? = nil, numbers: some Encodable) throws {
    try save(figure, as: name, numbers: JSONValue(encoding: numbers))
  }

  /// An animation with the numbers of any encodable value.
  public func save(_ animation: Animation, as name: String? = nil, numbers: some Encodable) throws {
    try save(animation, as: name, numbers: JSONValue(encoding: numbers))
  }

  /// Writes an animation as `NAME.gif` and, beside it, the same record as for a figure.
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

  /// What a figure was made from, with its numbers; written for the output folder.
  func record(_ numbers: JSONValue) throws -> JSONValue {
    let pipeline = try pipeline()
    var given: [(String, JSONValue)] = []
    if let steps = options.steps { given.append(("steps", JSONValue(steps))) }
    if let guidance = options.guidance { given.append(("guidance", JSONValue(guidance))) }
    if let size = options.size { given.append(("size", JSONValue(size))) }
    if let scheduler = options.scheduler { given.append(("scheduler", .string(scheduler))) }
    if let latents = options.latents { given.append(("latents", .string((latents as NSString).lastPathComponent))) }
    if let variant = options.variant { given.append(("variant", .string(variant))) }
    return .object([
      ("experiment", .string(name)), ("seed", .string(String(seed))), ("options", .object(given)),
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

  /// What a figure's caption says of the checkpoint.
  public var checkpointNote: String {
    options.checkpoint == nil
      ? "Made with the package's own model of 64 pixels."
      : "Checkpoint: \((checkpoint as NSString).lastPathComponent)."
  }
}

extension Run: CustomStringConvertible {
  /// Name, seed, checkpoint and where figures go.
  public var description: String { "Run \(name): seed \(seed), checkpoint \(checkpoint), figures in \(output)" }
}
