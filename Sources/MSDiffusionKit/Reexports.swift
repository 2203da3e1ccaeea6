// Scripts and the REPL need only one import; everything that they use comes with it.
@_exported import Analysis
@_exported import Checkpoints
@_exported import Evaluation
@_exported import Images
@_exported import JSON
@_exported import Layers
@_exported import MSDiffusion
@_exported import ModelRecipe
@_exported import Models
@_exported import Plotting
@_exported import Tensors
@_exported import Training
@_exported import TrainingData
