import Foundation
import Parity
import TestSupport
import Testing

@Suite(.serialized) struct ParityTests {
  private func run(_ folder: String) throws -> ParityReport {
    let report = ParityReport()
    try ParityFolder(folder, report: report).run()
    return report
  }

  @Test(.longNumeric) func everythingAgreesWithTheGoldenNumbers() throws {
    let report = try run(Golden.folder.path)
    for row in report.rows where !row.passes { Issue.record("\(row)") }
    #expect(report.rows.count > 2000)
    let elements = report.rows.reduce(0) { $0 + $1.elements }
    #expect(elements > 1_000_000)
  }

  /// A copy of part of the golden values.
  private func copy(_ names: [String], to folder: TemporaryFolder) throws {
    for name in names {
      let source = URL(fileURLWithPath: Golden.path(name)).resolvingSymlinksInPath().path
      try FileManager.default.copyItem(atPath: source, toPath: folder.file(name))
    }
  }

  @Test func oneChangedNumberFails() throws {
    let folder = try TemporaryFolder()
    try copy(["rng.safetensors"], to: folder)
    #expect(try run(folder.path).failed == 0)
    var file = try bytes(of: folder.file("rng.safetensors"))
    file[file.count - 2] ^= 0x10
    _ = try folder.write(file, as: "rng.safetensors")
    #expect(try run(folder.path).failed == 1)
  }

  @Test func unknownFilesFailAndKnownOnesAreSkippedByName() throws {
    let folder = try TemporaryFolder()
    try copy(["rng.safetensors"], to: folder)
    _ = try folder.write([1], as: "surprise.bin")
    _ = try folder.write([1], as: "metrics.json")
    _ = try folder.write([1], as: "rng.safetensors.old")
    try copy(["pipeline", "photos"], to: folder)
    _ = try folder.write([1], as: "photos/outputs.safetensors")
    _ = try folder.write([1], as: "pipeline/surprise.safetensors")
    let report = try run(folder.path)
    #expect(
      report.rows.filter { !$0.passes }.map(\.name) == [
        "photos/outputs.safetensors", "pipeline/surprise.safetensors", "rng.safetensors.old", "surprise.bin",
      ])
    #expect(report.skipped == ["metrics.": 1])
  }

  /// Changes the golden requests, and returns the rows that fail.
  private func failures(of change: (inout String) -> Void) throws -> [String] {
    let folder = try TemporaryFolder()
    try copy(["pipeline", "photos"], to: folder)
    try FileManager.default.createDirectory(atPath: folder.file("generate"), withIntermediateDirectories: true)
    for file in ["one_0.png", "one.safetensors"] {
      try FileManager.default.copyItem(atPath: Golden.path("generate/" + file), toPath: folder.file("generate/" + file))
    }
    var request = try String(contentsOfFile: Golden.path("generate/one.json"), encoding: .utf8)
    change(&request)
    try request.write(toFile: folder.file("generate/one.json"), atomically: true, encoding: .utf8)
    return try run(folder.path).rows.filter { !$0.passes }.map { $0.name + ": " + $0.note }
  }

  @Test(.longNumeric) func changedRequestsFailWhereTheyDiffer() throws {
    #expect(try failures { _ in }.isEmpty)
    // A photograph without a phrase: one row reports it, and the comparison continues.
    let without = try failures { $0.replace("\"photos/cat.jpg\"", with: "\"photos/cat.jpg\", \"photos/cup.jpg\"") }
    #expect(without.contains { $0.contains("a photo, a box") })
    let negative = try failures { $0.replace("\"seed\": 0", with: "\"seed\": -1") }
    #expect(negative.contains { $0.contains("0 or more") })
    // A different size: the shapes of noise and all later tensors differ; texts and photographs agree.
    let wider = try failures { $0.replace("\"width\": 128", with: "\"width\": 192") }
    #expect(wider.contains { $0.contains("noise: shape [1, 4, 16, 24], expected [1, 4, 16, 16]") })
    #expect(!wider.contains { $0.contains("image_features") || $0.contains(": text:") })
  }

  @Test func anEmptyOrMissingFolderIsAnError() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ParityError.empty(folder.path)) { try run(folder.path) }
    #expect(throws: ParityError.noFolder("no/such/folder")) { try run("no/such/folder") }
  }
}
