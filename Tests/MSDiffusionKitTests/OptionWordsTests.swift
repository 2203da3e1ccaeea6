import MSDiffusionKit
import Testing

/// Errors on the command line say in one sentence what was expected and what was found.
@Suite struct OptionWordsTests {
  private struct Options: ParsableArguments {
    @Option var stage: String
    @Option var steps: Int?
    @Option var seed: UInt64 = 1
    @Option var textWeight: Float = 0.5
    @Option var kind: Kind = .one
    @Flag var brief = false
    @Argument var files: [String] = []
  }

  private enum Kind: String, ExpressibleByArgument, CaseIterable { case one, two }

  private func parse(_ words: String...) throws -> Options {
    try Options.parse(OptionWords([Options.self], help: Options.helpMessage()).prepared(words))
  }

  private func message(_ words: [String]) -> String {
    let options = OptionWords([Options.self], help: Options.helpMessage())
    do {
      _ = try Options.parse(options.prepared(words))
      return "no error"
    } catch { return options.explained(Options.message(for: error)) }
  }

  @Test func negativeNumbersAreValues() throws {
    let found = try parse("--stage", "-x", "--steps", "-3", "--text-weight", "-0.25", "a", "--brief")
    #expect(found.stage == "-x" && found.steps == -3 && found.textWeight == -0.25 && found.brief)
    #expect(try parse("--stage", "a", "--text-weight", "-.5").textWeight == -0.5)
    #expect(try parse("--stage", "a", "--text-weight", "-1e-3").textWeight == -0.001)
    #expect(try parse("--stage", "a", "--", "--steps", "-3").files == ["--steps", "-3"])
  }

  @Test(arguments: [
    ("--seed -1", "--seed is '-1', expected a whole number from 0 to 18446744073709551615"),
    ("--seed 99999999999999999999", "--seed is '99999999999999999999', expected a whole number from 0"),
    ("--steps abc", "--steps is 'abc', expected a whole number"), ("--steps 2.5", "--steps is '2.5', expected a whole"),
    ("--steps=1e3", "--steps is '1e3', expected a whole number"),
    ("--text-weight 7,5", "--text-weight is '7,5', expected a number such as 7.5"),
    ("--steps -seed", "--steps is '-seed', expected a whole number"),
    ("--kind three", "--kind is 'three', expected one of one, two"),
    ("--steps", "--steps has no value, expected a whole number after it"),
    ("--steps --seed 3", "--steps has no value, expected a whole number after it"),
    ("--sede 3", "found '--sede'; is it --seed?"), ("--Seed 3", "found '--Seed'; is it --seed?"),
    ("--textWeight 3", "found '--textWeight'; is it --text-weight?"), ("-seed 3", "found '-seed'; is it --seed?"),
    ("--nothing-like-it", "found '--nothing-like-it'; --help lists all options"),
    ("--breif", "found '--breif'; is it --brief?"),
  ])
  func errorsNameWhatWasExpected(words: String, expected: String) {
    let found = message(["--stage", "a"] + words.split(separator: " ").map(String.init))
    #expect(found.contains(expected) && !found.contains("\n"), "\(found)")
  }

  @Test func aMisspeltOptionIsNotReportedAsMissing() {
    #expect(message(["--stge", "vae"]).contains("found '--stge'; is it --stage?"))
    #expect(message([]) == "expected --stage, found none")
  }

  @Test func aRunTakesNegativeNumbersAndNamesWrongOnes() throws {
    let scene = try Run(name: "Test", arguments: ["--guidance", "-1"]).generationSettings()
    #expect(scene.scene.guidance == -1)
    #expect(throws: (any Error).self) { try Run(name: "Test", arguments: ["--seed", "-1"]) }
    #expect(throws: (any Error).self) { try Run(name: "Test", arguments: ["--sede", "1"]) }
  }
}
