import ArgumentParser
import Foundation
import Scripting

/// One run of an experiment: its options, its checkpoint, and the scenes and figures that it makes.
///
/// A script begins with `let run = Run()`, which reads the options after the script's name; `--help` lists them. The
/// REPL has no options: there, every option has its default.
public final class Run {
  /// The script's file name without `.swift`.
  public let name: String
  /// The folder for figures; it is created when the first figure is saved.
  public let output: String
  /// Seed for all random numbers of the run.
  public let seed: UInt64
  private let options: RunOptions
  private var opened: Pipeline?
  private var warned: Set<String> = []
  /// The scenes that this run generated, in order. A scene that was generated several times is listed once.
  public private(set) var generated: [SceneRecord] = []

  /// A run with the options that the script was started with. Invalid options end the program with a one-line error.
  public convenience init() { self.init(Self.arguments(NoOptions.self)) }

  /// A run whose script defines options in addition to the common ones, and the values of the script's options. Invalid
  /// options end the program with a one-line error.
  public static func with<Own: ParsableArguments>(_ own: Own.Type) -> (run: Run, options: Own) {
    let arguments = arguments(own)
    return (Run(arguments), arguments.options.own)
  }

  /// A run with options as on the command line.
  /// - Parameters:
  ///   - name: the name of the script, after which figures are named.
  ///   - arguments: the options, one word per element.
  /// - Throws: ArgumentParser's errors.
  public convenience init(name: String, arguments: [String]) throws {
    self.init(NamedArguments(name: name, options: try RunArguments<NoOptions>.parsed(arguments)))
  }

  private init<Own: ParsableArguments>(_ arguments: NamedArguments<Own>) {
    (name, options) = (arguments.name, arguments.options.common)
    seed = options.seed ?? SceneSettings.published.seed
    let folder = ScriptContext.current.package ?? FileManager.default.currentDirectoryPath
    output = options.output ?? folder + "/Figures"
  }

  private static func arguments<Own: ParsableArguments>(_ own: Own.Type) -> NamedArguments<Own> {
    let isScript = ScriptContext.current.isSupervised
    // So that what a script has printed is not lost if it stops at an error.
    writeLineByLine()
    let arguments = isScript ? CommandLine.arguments : ["REPL"]
    let script = arguments.first ?? "script"
    do {
      return NamedArguments(
        name: (script as NSString).lastPathComponent.replacing(".swift", with: ""),
        options: try RunArguments<Own>.parsed(Array(arguments.dropFirst())))
    } catch {
      if RunArguments<Own>.exitCode(for: error).isSuccess {
        print(question(of: script) + "\n\n" + RunArguments<Own>.helpMessage())
        exit(0)
      }
      let message = RunArguments<Own>.words.explained(RunArguments<Own>.message(for: error))
      FileHandle.standardError.write(Data("error: \(message)\n".utf8))
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

  /// Settings for measurements: guidance and γ come from the checkpoint's defaults, the number of steps and the
  /// negative prompt from `GenerationSettings.measured`. This run's options override both.
  /// - Throws: `SchedulerError` if `--scheduler` names no known scheduler; errors thrown by ``pipeline()``.
  public func generationSettings() throws -> GenerationSettings {
    var settings = GenerationSettings(try pipeline().defaults)
    settings.scene = settings.scene.overlaid(with: try options.overlay())
    return settings
  }

  /// Refuses the options that a measurement would ignore: the seed and the noise of a measured scene follow from the
  /// scene's number, and its size from the model.
  /// - Throws: ``RunError/option(name:found:expected:)`` if `--seed`, `--size` or `--latents` is given.
  func checkMeasurementOptions() throws {
    let unused: [(name: String, value: String?)] = [
      ("--seed", options.seed.map { "\($0)" }), ("--size", options.size.map { "\($0)" }),
      ("--latents", options.latents),
    ]
    for case (let name, let value?) in unused {
      throw RunError.option(name: name, found: value, expected: "no such option: measurements set seed, size and noise")
    }
  }

  /// The checkpoint that `--checkpoint` names, else the bundled model. It is opened only once.
  /// - Throws: as `Pipeline.init`.
  public func pipeline() throws -> Pipeline {
    if let opened { return opened }
    let pipeline = try Pipeline(
      checkpoint, variant: options.variant, adapterHeads: options.adapterHeads,
      ignoresSurplus: options.ignoreSurplus)
    print("Model: \(pipeline.summary)")
    opened = pipeline
    return pipeline
  }

  /// A bundled emoji or photograph by its name, or any image file by its path.
  /// - Throws: ``RunError/unknownReference(name:known:)`` for an unknown name; `ImageError` for a file that cannot be
  ///   read.
  public func reference(_ name: String) throws -> Picture {
    let isPath = name.contains("/") || FileManager.default.fileExists(atPath: name)
    return try isPath ? Picture(contentsOf: name) : Picture(contentsOf: Bundled.reference(name), named: name)
  }

  /// A subject from a reference image.
  /// - Parameters:
  ///   - name: As for ``reference(_:)``.
  ///   - phrase: The words for the subject in the prompt; nil: `name`.
  ///   - box: Where the subject is to be in the generated image.
  /// - Throws: as ``reference(_:)``.
  public func subject(_ name: String, phrase: String? = nil, box: Box = .none) throws -> Subject {
    Subject(phrase ?? name, picture: try reference(name), box: box)
  }

  /// A scene with the published settings, overlaid with the settings of the checkpoint, of the script and of this run's
  /// options, in this order.
  /// - Parameters:
  ///   - prompt: The prompt; the checkpoint's quality prompt is put before it.
  ///   - steps: The script's suggestion for the number of denoising steps.
  ///   - change: Changes the scene at the end; it overrides even the command-line options.
  /// - Throws: `SchedulerError` if `--scheduler` names no known scheduler; `NumPyError` if the file of `--latents`
  ///   cannot be read; errors thrown by ``pipeline()``.
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

  /// A scene from a file. Settings that the file does not name come from the checkpoint; command-line options override
  /// both.
  /// - Throws: as `Scene(_:files:defaults:)`, ``scene(_:_:steps:_:)`` and ``reference(_:)``.
  public func scene(contentsOf path: String) throws -> Scene {
    var scene = try Scene(
      JSONNode.read(path), files: SceneFiles(nextTo: path), defaults: pipeline().defaults.settings)
    scene.settings = scene.settings.overlaid(with: try options.overlay())
    scene.noise = try options.latents.map { try InitialNoise(contentsOf: $0) } ?? scene.noise
    return scene
  }

  /// Generates the scene's images, showing progress, and adds the scene to the JSON file of all figures that are saved
  /// later.
  ///
  /// In the REPL, Ctrl-C ends the generation after the current step; the image is then what that step predicts.
  /// - Parameters:
  ///   - conditions: the encoded texts and images; nil: they are encoded here.
  ///   - observing: hooks and recorders, active during this generation only.
  ///   - label: name of the images in the JSON file and on the progress line. If it is empty, the progress line shows
  ///     the script's name.
  /// - Throws: as `Pipeline.generate`; errors thrown by ``pipeline()``. If it throws
  ///   `PipelineError.notFinite` after at least one step, the latents of the completed steps are written to
  ///   `LABEL-unfinished.safetensors` in the output folder; without a label, the file has the script's name.
  public func generate(
    _ scene: Scene, conditions: Conditions? = nil, observing: any Observing..., as label: String = ""
  ) throws -> Generation {
    let line = ProgressLine(label.isEmpty ? name : label)
    defer { line.finish() }
    let pipeline = try pipeline()
    let generation = try keepingLatents(of: label, line) {
      try untilInterrupted {
        try pipeline.generate(scene, conditions: conditions, observing: observing) { line.show($0) }
      }
    }
    note(scene, label, hasOwnConditions: conditions != nil)
    for warning in generation.warnings where warned.insert(warning).inserted { line.warn(warning) }
    if generation.isCancelled {
      line.warn(
        "stopped after step \(generation.completedSteps) of \(scene.steps); the image is what that step predicts")
    }
    return generation
  }

  /// Generates the scene's images and returns a recorder with every tensor of the chosen hook points.
  /// - Parameter patterns: patterns of the names of hook points; `*` stands for any characters.
  /// - Throws: as ``generate(_:conditions:observing:as:)``; `HookError` if a pattern matches no point that can fire.
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

  /// Runs work that Ctrl-C stops after the current step in the REPL, which then continues. In a script, Ctrl-C ends the
  /// script immediately.
  private func untilInterrupted<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard ScriptContext.current.isREPL else { return try body() }
    let cancellation = Cancellation()
    let watch = cancellation.atSignals()
    defer { withExtendedLifetime(watch) {} }
    return try Cancellation.$current.withValue(cancellation, operation: body)
  }

  // MARK: Saving figures

  /// Writes a figure as `NAME.png`, and next to it `NAME.json` with seed, options, checkpoint, the scenes that the run
  /// has generated so far, and the numbers that the figure shows.
  /// - Parameters:
  ///   - name: `NAME`; nil: the run's name.
  ///   - numbers: the numbers that the figure shows.
  /// - Throws: `PlotError` for a figure that cannot be drawn; `ImageError`, `JSONError`, `NumPyError` or ``RunError``
  ///   for a file that cannot be written; errors thrown by ``pipeline()``.
  public func save(_ figure: any Figure, as name: String? = nil, numbers: JSONValue) throws {
    let path = try prepared(name, ending: "png")
    try figure.image().write(path)
    try finish(path, name, numbers)
  }

  /// Saves a figure with any encodable value as its numbers.
  /// - Throws: as `save` with JSON numbers; `EncodingError` if a number is not finite.
  public func save(_ figure: any Figure, as name: String? = nil, numbers: some Encodable) throws {
    try save(figure, as: name, numbers: JSONValue(encoding: numbers))
  }

  /// Saves an animation with any encodable value as its numbers.
  /// - Throws: as `save` with JSON numbers; `EncodingError` if a number is not finite.
  public func save(_ animation: Animation, as name: String? = nil, numbers: some Encodable) throws {
    try save(animation, as: name, numbers: JSONValue(encoding: numbers))
  }

  /// Writes an animation as `NAME.gif`, and next to it `NAME.json` with the same content as for a figure.
  /// - Throws: as `save` for a figure.
  public func save(_ animation: Animation, as name: String? = nil, numbers: JSONValue) throws {
    let path = try prepared(name, ending: "gif")
    try animation.write(path)
    try finish(path, name, numbers)
  }

  private func prepared(_ name: String?, ending: String) throws -> String {
    do {
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    } catch {
      throw RunError.file(path: output, reason: "the folder cannot be created: \(error.localizedDescription)")
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
