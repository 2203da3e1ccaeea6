import Foundation
import Tensors

/// The machine on which times were measured, by its features.
package struct Machine: Sendable, Encodable {
  /// Features of the processor that decide how fast products are, such as `avx512f`.
  package let features: [String]
  package let processors: Int
  package let memoryGiB: Double
  /// OpenBLAS's version, the processor whose kernels it uses, the package's own kernels, and the number of threads.
  package let backend: String

  package static var current: Machine {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let flags = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let present = Set(flags.split(separator: " ").map(String.init))
    let telling = [
      "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_bf16",
    ]
    return Machine(
      features: telling.filter(present.contains), processors: ProcessInfo.processInfo.activeProcessorCount,
      memoryGiB: Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824,
      backend: Backend.description)
  }

  /// Peak memory of this process so far in GiB, including the parts of mapped files that were read.
  package static var peakGiB: Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
    return (line.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }.first ?? 0) / 1_048_576
  }

  package var description: String {
    "\(processors) processors (\(features.joined(separator: " "))), \(String(format: "%.0f", memoryGiB)) GiB; \(backend)"
  }
}

/// The times of one case.
package struct CaseReport: Sendable, Encodable {
  package let name: String
  package let summary: String
  /// The first one is this package's usual way, with which the others are compared.
  package let timings: [Timing]
  package let peer: String?
  /// Peak memory of this process after the case, including mapped files.
  package let peakGiB: Double

  package init(_ benchmark: BenchmarkCase, _ timings: [Timing], peer: String?) {
    (name, summary, self.timings, self.peer) = (benchmark.rawValue, benchmark.summary, timings, peer)
    peakGiB = Machine.peakGiB
  }

  /// Rows of a table: the case, the way, median, spread, and the first way's time as a multiple of this one's.
  package var rows: [[String]] {
    timings.map { timing in
      let first = timings[0]
      return [
        timing == first ? name : "", timing.name, Self.seconds(timing.median),
        "\(Self.seconds(timing.spread.lowerBound))…\(Self.seconds(timing.spread.upperBound))",
        timing == first ? "" : String(format: "%.2f", first.ratio(to: timing)),
      ]
    }
  }

  package static let header = ["case", "way", "median", "middle half", "first ÷ this"]

  private static func seconds(_ time: Double) -> String {
    time < 1 ? String(format: "%.1f ms", time * 1000) : String(format: "%.2f s", time)
  }

  /// Rows with columns of fixed widths, so that tables can be printed in parts.
  package static func table(_ rows: [[String]]) -> String {
    let widths = [14, 14, 9, 21, 12]
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: max($1 - $0.count, 0)) }.joined(separator: "  ")
        .replacing(#/ +$/#, with: "")
    }
    .joined(separator: "\n")
  }
}
