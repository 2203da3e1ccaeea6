import Foundation

/// The function that libFuzzer calls for every input; an environment variable names the parser.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  chosenTarget.run(UnsafeRawBufferPointer(start: start, count: count))
  return 0
}

private let chosenTarget: FuzzTarget = {
  let name = ProcessInfo.processInfo.environment["MSDIFFUSION_FUZZ_TARGET"] ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    fatalError("MSDIFFUSION_FUZZ_TARGET: expected one of \(names), found '\(name)'")
  }
  return target
}()
