// What does the model show on identities and pairs that it has never seen, and how far is that from chance?
// Scripts/run ModelReport [--full] [--scenes N] [--ungrounded DIR] [--ungrounded-samples N] [--training DIR]
//   [--milestone STAGE=SAMPLES] [--checkpoint DIR]
import MSDiffusionKit

let run = Run(ModelReport.options)
let report = ModelReport(run)

// %% Measure the checkpoint anew, if asked to: an hour or so for all scenes
if run.flag("full") { try report.measure() }

// %% The figure: a table, some pictures, the losses of the training
if let results = try report.results() {
  try run.save(try report.figure(results, report.curves()), numbers: results.json)
} else {
  print(report.nothingMeasured)
}
