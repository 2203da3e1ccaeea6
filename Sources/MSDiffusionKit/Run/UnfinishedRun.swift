import Checkpoints
import Foundation
import MSDiffusion

extension Run {
  /// Runs a generation. If it fails because of NaN or infinity after at least one step, the latents of the completed
  /// steps are written next to the figures, so that these steps are not lost.
  func keepingLatents<Result>(of label: String, _ line: ProgressLine, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as PipelineError {
      guard case .notFinite(_, _, let unfinished?) = error, unfinished.steps > 0 else { throw error }
      let path = "\(output)/\(label.isEmpty ? name : label)-unfinished.safetensors"
      do {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        try SafetensorsFile.write(
          [("latents", unfinished.latents)], metadata: ["steps": "\(unfinished.steps)"], to: path)
        line.warn("the latents after \(unfinished.steps) steps are in \(path)")
      } catch {
        line.warn("the latents after \(unfinished.steps) steps could not be written: \(error)")
      }
      throw error
    }
  }
}
