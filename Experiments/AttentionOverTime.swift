// At which step does the attention of each phrase settle?
// Scripts/run AttentionOverTime [--checkpoint DIR] [--seed N] [--steps N]
import MSDiffusionKit

let run = Run()

// %% A scene of two subjects
let scene = try run.scene(
  "a lion and an apple in the snow",
  [try run.subject("lion", box: Box(0, 0.2, 0.5, 0.75)), try run.subject("apple", box: Box(0.55, 0.4, 0.95, 0.85))])

// %% Generate, keeping text attention for every step separately
let recorder = AttentionRecorder(.text, keeping: .steps)
let noise = NoiseLevelRecorder()
let generation = try run.generate(scene, observing: recorder, noise)
let steps = try recorder.attendedPerStep(in: generation)

// %% One frame per step: the maps over the finished image, with one scale per phrase for all steps
let ranges = AttendedSubject.sharedRanges(of: steps)
let frames = try zip(steps, noise.levels).map { attended, level in
  let maps = try attended.map {
    try Panel($0, over: generation.image, range: ranges[$0.index]).captioned("“\($0.phrase)”")
  }
  return Grid(
    [[Panel(generation.image, boxesOf: scene).captioned("the finished image")] + maps],
    title: "Step \(attended[0].step + 1) of \(scene.steps), noise level σ = \(decimal(level, 2))",
    caption: run.checkpointNote, colorBar: ColorBar(label: "text attention, one scale for all steps"))
}
try run.save(Animation(frames), numbers: steps)
