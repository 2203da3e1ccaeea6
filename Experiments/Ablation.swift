// What is each part of the adapter good for? (paper, Table 3 and Fig. 6)
// Scripts/run Ablation [--train] [--full] [--training DIR] [--seeds N] [--budget STEPS] [--scenes N]
import MSDiffusionKit

let run = Run(AblationReport.options)
let report = try AblationReport(run)

// %% Train the variants beside one base, if asked to: an afternoon
if run.flag("train") { try report.train() }

// %% Measure what is trained, if asked to
if run.flag("full") { try report.measure() }

// %% The figure: a table, and the same scenes by each variant
if let results = try report.results() {
  try run.save(try report.figure(results), numbers: results.json)
} else {
  print(report.nothingMeasured)
}
