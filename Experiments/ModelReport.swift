// How well does the model do on identities and pairs that it has never seen, compared with chance?
// Scripts/run ModelReport [--full] [--scenes N] [--ungrounded DIR] [--ungrounded-samples N] [--training DIR]
//   [--milestone STAGE=SAMPLES] [--checkpoint DIR]
import Foundation
import MSDiffusionKit

struct Options: ParsableArguments {
  @Flag(help: "Measure the checkpoint, or finish an interrupted measurement. Otherwise draw the last results.")
  var full = false
  @Option(help: "Number of held-out scenes for --full. (default: 500 for attention, 200 for generated images)")
  var scenes: Int?
  @Option(help: "A model whose base was trained without grounding supervision, for --full.")
  var ungrounded: String?
  @Option(help: "Number of samples that the base of --ungrounded was trained on, if it differs from the checkpoint's.")
  var ungroundedSamples: Int?
  @Option(help: "Working folder of the training run; --full copies its loss curves.")
  var training: String?
  @Option(help: "STAGE=SAMPLES, the checkpoint's progress: --full then adds a point to the curves, and nothing else.")
  var milestone: Milestone?
}

let (run, options) = Run.with(Options.self)
let report = ModelReport(run)

// %% With --full, measure the checkpoint: about an hour for all scenes
if options.full {
  try report.measure(
    scenes: options.scenes, ungrounded: options.ungrounded, ungroundedSamples: options.ungroundedSamples,
    training: options.training, milestone: options.milestone)
}
guard let results = try report.results() else {
  print(report.nothingMeasured)
  exit(0)
}

// %% The table: one row per finding, with a gauge from 0 to 1
func three(_ value: Double) -> String { decimal(Float(value), 3) }
let table = Table(
  columns: ["measure", "0 to 1", "", "95 % interval", "chance", "target", "", "scenes", "how"],
  widths: [210, 190, 48, 110, 50, 44, 52, 48, 330],
  rows: results.findings.map { finding in
    let color: Color = finding.isMet.map { $0 ? .distinct(2) : .distinct(0) } ?? .faint
    let interval = finding.interval
    return [
      Table.Cell(finding.name, bold: true),
      Table.Cell(
        Table.Gauge(
          value: interval.estimate, interval: interval.lower...interval.upper, chance: finding.chance,
          target: finding.target, color: color)),
      Table.Cell(three(interval.estimate), bold: true),
      Table.Cell("\(three(interval.lower)) to \(three(interval.upper))"),
      Table.Cell(finding.chance.map(three) ?? "–"), Table.Cell(finding.target.map { decimal(Float($0), 2) } ?? "–"),
      Table.Cell(finding.isMet.map { $0 ? "met" : "missed" } ?? "", color: color, bold: true),
      Table.Cell("\(finding.scenes)"), Table.Cell(finding.note, color: .faint),
    ]
  },
  caption: "Thin line: chance. Thick line: target. Images: \(results.settings.summary)."
    + (results.missing.isEmpty ? "" : " Not measured: \(results.missing.joined(separator: "; "))."))
var parts: [any Figure] = [table]

// %% Some held-out scenes: the request, the generated image, and the attention to each phrase
let isMeasured = try run.pipeline().hash() == results.checkpoint
if isMeasured, try run.pipeline().adapter != nil {
  let scenes = try report.shownScenes(count: 4)
  let rows = try scenes.map { scene -> [Panel?] in
    let request = scene.request(try run.generationSettings())
    let recorder = AttentionRecorder(.text)
    let generation = try run.generate(request, observing: recorder, as: request.prompt)
    let image = generation.image
    return request.subjects.map { Panel($0.image).captioned($0.phrase) } + [
      Panel(PixelImage(scene.image), boxesOf: request).captioned(request.prompt), Panel(image, boxesOf: request),
    ] + (try recorder.heatmaps(in: generation).map { try Panel($0, over: image) })
  }
  parts.append(
    Grid(
      rows,
      columnTitles: [
        "first reference", "second reference", "drawn scene with the requested boxes", "generated image",
        "text map of the first phrase", "text map of the second phrase",
      ], panelWidth: 170))
}

// %% Measures and losses during training, and the whole figure
if let milestones = try report.milestones(), !milestones.curves.isEmpty {
  parts.append(try milestones.figure(of: "measures"))
}
if let curves = try report.curves(), !curves.curves.isEmpty {
  parts.append(try curves.figure(of: "losses", withoutFirst: 3))
}
let note =
  isMeasured
  ? run.checkpointNote
  : "The measures are of checkpoint \(results.checkpoint.prefix(12))…, not of this run's, so no images are shown."
try run.save(
  Stack(parts, title: "How well the model does on identities and pairs that it has never seen", caption: note),
  numbers: results.json)
