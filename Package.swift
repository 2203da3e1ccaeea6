// swift-tools-version: 6.1
import PackageDescription

/// A target of this package that has a test target of the same name beside it.
func room(
  _ name: String, _ dependencies: [Target.Dependency], testing: [Target.Dependency] = [], resources: [Resource]? = nil
) -> [Target] {
  [
    .target(name: name, dependencies: dependencies, resources: resources),
    .testTarget(
      name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + testing,
      exclude: name == "Images" ? ["resized.json", "decoded.json"] : []),
  ]
}

let package = Package(
  name: "MSDiffusion",
  products: [
    .library(name: "MSDiffusionKit", type: .dynamic, targets: ["MSDiffusionKit"]),
    .executable(name: "msdiffusion", targets: ["msdiffusion"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    // Without pkg-config: gd's file sets flags that a package may not set, and its headers are in a standard folder.
    .systemLibrary(name: "CGD", providers: [.apt(["libgd-dev"])]),
    .systemLibrary(name: "CFreeType", pkgConfig: "freetype2", providers: [.apt(["libfreetype-dev"])]),
    .systemLibrary(name: "CJSONC", pkgConfig: "json-c", providers: [.apt(["libjson-c-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CKernels"),
    // Shared by several test targets: small helpers and the path of the golden numbers.
    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport"),
    .target(
      name: "MSDiffusionKit",
      dependencies: [
        "Tensors", "JSON", "Checkpoints", "Images", "Layers", "Models", "MSDiffusion", "Analysis", "Plotting",
        "TrainingData", "Training", "ModelRecipe", "Evaluation", "Scripting",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      resources: [
        .copy("Resources/CLIPVocabulary"), .copy("Resources/Photos"), .copy("Resources/Emoji"),
        .copy("Resources/Model"), .copy("Resources/NextModel"),
      ]),
    .target(name: "Deflate", dependencies: ["CZlib"]),
    .testTarget(name: "DeflateTests", dependencies: ["Deflate"]),
    .target(name: "Phrases"),
    .testTarget(name: "PhrasesTests", dependencies: ["Phrases", "TestSupport"]),
    .testTarget(
      name: "MSDiffusionKitTests",
      dependencies: [
        "MSDiffusionKit", "TestSupport", "Tensors", "Checkpoints", "Layers", "Models", "TrainingData", "ModelRecipe",
      ]),
    // Harnesses behind Scripts/parity and Scripts/fuzz, and their tests.
    .target(
      name: "Parity",
      dependencies: [
        "Tensors", "JSON", "Checkpoints", "Images", "Layers", "Models", "Analysis", "MSDiffusion", "Training",
      ], path: "Tests/Parity"),
    .testTarget(name: "ParityTests", dependencies: ["Parity", "TestSupport", "Tensors"]),
    .target(
      name: "Fuzzing", dependencies: ["JSON", "Checkpoints", "Images", "Layers", "Models", "Phrases"],
      path: "Tests/Fuzzing"),
    .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing", "TestSupport"]),
    .executableTarget(
      name: "msdiffusion",
      dependencies: [
        "MSDiffusionKit", "Parity", "Scripting", "Inspection", "Training", "ModelRecipe", "Benchmarks",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ]
    + room("Tensors", ["CKernels", "COpenBLAS"], testing: ["CKernels"])
    + room("JSON", ["CJSONC"])
    + room("Checkpoints", ["Tensors", "JSON", "Deflate"], testing: ["Tensors", "JSON"])
    + room("Images", ["Tensors", "CGD", "Deflate"], testing: ["Tensors"])
    + room("Layers", ["Tensors"], testing: ["Tensors"])
    + room(
      "Models", ["Tensors", "JSON", "Checkpoints", "Images", "Layers", "Phrases"],
      testing: ["Tensors", "JSON", "Checkpoints", "Images", "Layers"])
    + room("Analysis", ["Tensors"], testing: ["Tensors"])
    + room(
      "TrainingData", ["Tensors", "Images", "Analysis", "JSON", "Phrases", "CFreeType"],
      testing: ["Tensors", "Images", "Analysis", "JSON", "Phrases"],
      resources: [.embedInCode("Resources/held-out.json")])
    + room(
      "MSDiffusion", ["Tensors", "JSON", "Checkpoints", "Images", "Layers", "Models", "Analysis"],
      testing: ["Tensors", "JSON", "Checkpoints", "Images", "Layers", "Models", "Analysis"])
    + room(
      "Training",
      [
        "CKernels", "Tensors", "JSON", "Checkpoints", "Layers", "Models", "Analysis", "MSDiffusion", "TrainingData",
      ],
      testing: [
        "Tensors", "JSON", "Images", "Layers", "Models", "Analysis", "MSDiffusion", "TrainingData",
      ])
    // What is specific to the model that ships with the package: its sizes, stages and variants, and the emoji world as
    // its training samples.
    + room(
      "ModelRecipe",
      ["Training", "TrainingData", "MSDiffusion", "Models", "Layers", "Checkpoints", "JSON", "Analysis", "Tensors"],
      testing: [
        "Tensors", "JSON", "Checkpoints", "Images", "Layers", "Models", "Analysis", "MSDiffusion", "TrainingData",
        "Training",
      ])
    + room(
      "Evaluation",
      ["Tensors", "JSON", "Images", "Layers", "Models", "Checkpoints", "Analysis", "MSDiffusion", "TrainingData"],
      testing: ["Tensors", "JSON", "Checkpoints", "Analysis", "MSDiffusion", "TrainingData", "ModelRecipe"])
    + room(
      "Benchmarks",
      [
        "MSDiffusionKit", "MSDiffusion", "ModelRecipe", "Models", "Layers", "Training", "Tensors",
      ],
      testing: ["MSDiffusionKit"])
    + room("Plotting", ["Tensors", "Images", "Analysis", "CGD"], testing: ["Tensors", "Images", "Analysis"])
    + room("Scripting", [])
    + room(
      "Inspection", ["Tensors", "JSON", "Checkpoints", "Layers", "Models", "MSDiffusion"],
      testing: ["Tensors", "JSON", "Checkpoints"]),
  swiftLanguageModes: [.v6]
)
