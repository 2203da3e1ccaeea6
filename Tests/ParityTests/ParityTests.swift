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

  /// A copy of part of the golden numbers.
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
    let report = try run(folder.path)
    #expect(report.rows.filter { !$0.passes }.map(\.name) == ["surprise.bin"])
    #expect(report.skipped == ["metrics.": 1])
  }

  @Test func anEmptyOrMissingFolderIsAnError() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ParityError.empty(folder.path)) { try run(folder.path) }
    #expect(throws: ParityError.noFolder("no/such/folder")) { try run("no/such/folder") }
  }
}
