/// Errors in training.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// An option of the plan has an invalid value.
  case plan(option: String, found: String, expected: String)
  /// The weights to train, or their loss, are invalid.
  case parameters(String)
  /// A loss or gradient is not finite; `parameter` is the first weight whose gradient is not finite.
  case notFinite(step: Int, samples: Range<Int>, loss: Double, parameter: String?, checkpoint: String?)
  /// A figure that the objective returned for the log is not finite.
  case figureNotFinite(step: Int, name: String, value: Double)
  /// A weight, its average or one of its moments is not finite, so that no checkpoint can be written.
  case weightNotFinite(step: Int, parameter: String, checkpoint: String?)
  /// A checkpoint belongs to a different training run, or to none.
  case otherTraining(path: String, what: String, expected: String, found: String)
  /// The data of a run have changed since its last start. Each change names a picture that is new, replaced or no longer
  /// used, or the first line of the list of samples that is different.
  case dataChanged(folder: String, changes: [String])
  /// Another process is training in the same folder.
  case busy(folder: String)
  /// A file or folder cannot be read or written.
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .plan(let option, let found, let expected): "plan: \(option) is \(found), expected \(expected)"
    case .parameters(let what): "parameters: \(what)"
    case .notFinite(let step, let samples, let loss, let parameter, let checkpoint):
      "step \(step + 1), samples \(samples): expected a finite loss and gradient, found a loss of \(loss)"
        + (parameter.map { "; the first gradient that is not finite is that of '\($0)'" } ?? "")
        + Self.advice(checkpoint)
    case .figureNotFinite(let step, let name, let value):
      "step \(step + 1): expected a finite figure, found \(value) for '\(name)'; an objective must leave out figures "
        + "that have no value"
    case .weightNotFinite(let step, let parameter, let checkpoint):
      "after step \(step): expected finite weights, found NaN or infinity in '\(parameter)' or in its average or moments"
        + Self.advice(checkpoint)
    case .otherTraining(let path, let what, let expected, let found):
      "\(path): \(what) is \(found), this run has \(expected); use a different folder or the options of the old run"
    case .dataChanged(let folder, let changes):
      "\(folder): expected the data that this run had when it was last started, found changes: "
        + changes.prefix(5).joined(separator: "; ")
        + (changes.count > 5 ? "; and \(changes.count - 5) more" : "")
        + ". Restore the data, train in a new folder, or continue on the changed data with --accept-changed-data"
    case .busy(let folder): "\(folder): another process is training here; wait for it, or use a different folder"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }

  private static func advice(_ checkpoint: String?) -> String {
    "; no checkpoint was written for this step, "
      + (checkpoint.map { "the last good checkpoint is \($0)" } ?? "there is no earlier checkpoint")
      + ". Look in log.jsonl for the first unusual loss; a lower learning rate or a longer warm-up often helps"
  }
}
