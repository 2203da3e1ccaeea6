/// Errors in a request or in a pipeline's folder.
public enum PipelineError: Error, Equatable, CustomStringConvertible {
  /// A value of a request is invalid.
  case invalid(_ option: String, found: String, expected: String)
  /// The model lacks a part that a request needs.
  case missingPart(folder: String, part: String, needed: String)
  /// Scenes of one batch differ in an option that they must share.
  case mixedBatch(option: String, values: [String])
  /// A tensor contains NaN or infinity; those that were checked before it in the generation do not. `weight` is a
  /// weight that also contains such numbers, if there is one; `unfinished` holds the latents of the completed steps.
  case notFinite(place: String, weight: String?, unfinished: UnfinishedLatents?)
  /// Two parts of the model have sizes that do not match.
  case incompatible(_ first: PartSize, _ second: PartSize)
  /// The file at the adapter's path is not an adapter.
  case notAnAdapter(path: String, found: String, expected: String)
  /// The weights that every step reads take more bytes than the machine's memory has.
  case memory(folder: String, needed: Int, available: Int)

  public var description: String {
    switch self {
    case .memory(let folder, let needed, let available):
      "\(folder): every step reads \(gibibytes(needed)) of weights, found \(gibibytes(available)) of memory; "
        + "expected a smaller model, weights in half precision, or a machine with more memory"
    case .invalid(let option, let found, let expected): "\(option) is \(found), expected \(expected)"
    case .missingPart(let folder, let part, let needed): "\(folder): \(part) is missing; \(needed)"
    case .mixedBatch(let option, let values):
      "scenes of one batch need the same \(option), found \(values.joined(separator: ", ")); generate them one by one"
    case .notFinite(let place, let weight, let unfinished):
      "\(place): expected finite numbers, found NaN or infinity; "
        + (weight.map { "the weight \($0) contains them, so download or convert this file again" }
          ?? "the tensors checked before it are finite, so check scales, hooks, pictures and tensors of your own")
        + (unfinished.map { "; steps completed before: \($0.steps)" } ?? "")
    case .incompatible(let first, let second):
      "\(first.part) and \(second.part) do not fit together: \(first), \(second); take both parts from the same model"
    case .notAnAdapter(let path, let found, let expected): "\(path): expected \(expected), found \(found)"
    }
  }
}

/// A size for people to read.
private func gibibytes(_ bytes: Int) -> String { "\((Double(bytes) / 1_073_741_824 * 10).rounded() / 10) GiB" }
