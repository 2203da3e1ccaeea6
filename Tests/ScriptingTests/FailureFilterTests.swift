import Foundation
import Scripting
import Testing

/// What the filter keeps of a script's output, and of what Swift's immediate mode adds if the script fails.
@Suite struct FailureFilterTests {
  private func filtered(_ text: String, _ end: ProcessEnd) -> String {
    var filter = FailureFilter()
    var output = filter.feed(Array(text.utf8))
    output += filter.finish(end)
    return String(decoding: output, as: UTF8.self)
  }

  @Test func anUncaughtErrorBecomesOneLine() {
    let text = """
      progress
      Swift/ErrorType.swift:253: Fatal error: Error raised at top level: the photo 'x' is missing
      Stack dump:
      0.\tProgram arguments: swift-frontend
       #0 0x000055 llvm::sys::PrintStackTrace

      """
    #expect(filtered(text, .signalled(4)) == "progress\nerror: the photo 'x' is missing\n")
  }

  @Test func theRuntimesOwnTraceIsDroppedToo() {
    let text = """
      Swift/ErrorType.swift:253: Fatal error: Error raised at top level: nothing there
      Current stack trace:
      0    libswiftCore.so    0x00007fc097b5f130 swift_reportError + 33

      """
    #expect(filtered(text, .signalled(4)) == "error: nothing there\n")
  }

  @Test func aFailedCheckNamesItsLocation() {
    let text = "Tensors/Shape.swift:12: Fatal error: reshaped: [2] does not fit [3]\nStack dump:\n0. x\n"
    #expect(filtered(text, .signalled(4)) == "error: reshaped: [2] does not fit [3] (Tensors/Shape.swift:12)\n")
  }

  @Test func locationsInTheStandardLibraryAreNotNamed() {
    let library = "$ss17_assertionFailure__4file4line5flagss5NeverOs12StaticStringV_A2HSus6UInt32VtF"
    let text = """
      Swift/ContiguousArrayBuffer.swift:692: Fatal error: Index out of range
      Stack dump:
       #4 0x00007fd964f6df7f \(library) Swift.o:0:0

      """
    #expect(filtered(text, .signalled(4)) == "error: Index out of range\n")
    let ours = "       #6 0x00007fd961e70f65 $s7Tensors6TensorV5countSivg (/x/libMSDiffusionKit.so+0x2af65)\n"
    #expect(
      filtered(text + ours, .signalled(4)) == "error: Index out of range in Tensors.Tensor.count.getter : Swift.Int\n")
  }

  @Test func ordinaryTextPassesUnchanged() {
    let text = "one\ntwo: Fatal errors are rare\nhalf"
    #expect(filtered(text, .exited(0)) == text)
  }

  @Test func textThatOnlyLooksLikeAFailurePasses() {
    let text = "a.swift:1: Fatal error: not really\nmore\n"
    #expect(filtered(text, .exited(0)) == text)
  }

  @Test func unfinishedLinesPassAtAPause() {
    var filter = FailureFilter()
    #expect(filter.feed(Array("50 %".utf8)).isEmpty)
    #expect(filter.isHoldingUnfinishedLine)
    #expect(String(decoding: filter.pause(), as: UTF8.self) == "50 %")
    #expect(!filter.isHoldingUnfinishedLine)
  }
}
