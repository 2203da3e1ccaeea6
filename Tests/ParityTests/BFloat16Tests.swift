import Parity
import Tensors
import TestSupport
import Testing

/// With `MSDIFFUSION_PRODUCTS=bfloat16`, results have tolerances of their own. Both are fractions of the largest golden
/// value. `Scripts/test` runs this where oneDNN is installed.
@Suite(.enabled(if: Backend.chosen == .bfloat16)) struct BFloat16Tests {
  /// For each encoder, block and network with golden values.
  private static let ofBlocks = 0.06
  /// For latents and images of a generation of a few steps with random weights, in which errors grow.
  private static let ofGenerations = 0.4

  @Test(.longNumeric) func resultsAreWithinTheirTolerance() throws {
    let report = ParityReport()
    try ParityFolder(Golden.folder.path, report: report).run()
    let rows = report.rows.filter { !$0.passes }
    // Whole numbers, random numbers and schedulers do not depend on products.
    #expect(!rows.isEmpty && rows.count < report.rows.count / 2)
    for row in rows where !row.name.hasPrefix("generate/") { #expect(row.relative < Self.ofBlocks, "\(row)") }
    let results = ["latents", "decoded", "unet_out"]
    let generations = rows.filter { row in results.contains { row.name.hasSuffix(": " + $0) } }
    #expect(!generations.isEmpty)
    for row in generations { #expect(row.relative < Self.ofGenerations, "\(row)") }
  }
}
