import Checkpoints
import Foundation
import Layers
import MSDiffusionKit
import ModelRecipe
import Models
import Tensors
import TestSupport
import Testing
import TrainingData

/// The finished stages of the model that is to replace the bundled one.
@Suite(.longNumeric) struct NextModelTests {
  /// Scenes of held-out identities come back from the autoencoder as its README says: 29.3 dB over 64 scenes.
  @Test func scenesComeBackFromTheAutoencoder() throws {
    let folder = ModelFolder(Bundled.nextModel)
    let configuration = try VAEConfiguration(folder.configuration(of: .vae))
    let vae = try VAE(Scope(CheckpointSource(folder.checkpoint(of: .vae))), configuration)
    #expect(configuration.latentChannels == 8 && configuration.factor == 8)
    let world = try EmojiWorld(rules: SmallModel.second.rules)
    let images = Tensor.stacked(
      (0..<6).map { world.sample($0, seed: 12, split: .heldOutIdentities, size: SmallModel.second.imageSize).image },
      axis: 0)
    let decoded = vae.decode(vae.encode(images).mean).clamped(to: -1...1)
    let error = Double((decoded - images).square().mean().item)
    // Pixels are in −1…1, so the largest possible error is 2.
    #expect(10 * log10(4 / error) > 27)
    // Scaled latents are about standard normal.
    let latents = vae.scaled(vae.encode(images).mean)
    #expect(abs(latents.mean().item) < 0.2)
    #expect((0.7...1.3).contains(latents.square().mean().sqrt().item))
  }

  @Test func itsStagesAreTakenAndTheOthersFromTheBundledModel() throws {
    let folder = try TemporaryFolder()
    let small = SmallModel.second
    try StageRun.takeParts(before: .base, into: folder.path, from: Bundled.nextModel, of: small.stages)
    let model = ModelFolder(folder.file("model"))
    #expect(model.has(.vae) && !model.has(.textEncoder) && !model.has(.unet))
    try StageRun.takeParts(before: .base, into: folder.path, from: Bundled.model, of: [.clip])
    #expect(model.has(.textEncoder) && model.has(.imageEncoder) && model.has(.tokenizer) && !model.has(.unet))
    let run = try StageRun(.base, of: small, folder: folder.path, merges: Bundled.merges) {
      ($0.steps, $0.batch, $0.evaluateEvery) = (1, 2, 0)
    }
    #expect(try run.run().isFinished)
    #expect(try Pipeline(folder.file("model")).nativeSize == small.imageSize)
  }
}
