import Analysis
import Images
import MSDiffusion
import Tensors
import TestSupport

/// A type that a scene is made of, with one change for each of its stored properties.
struct ScenePart {
  typealias Change = (inout Scene) throws -> Void

  let name: String
  let value: (Scene) -> Any?
  let changes: [(property: String, apply: Change)]

  init(_ name: String, _ value: @escaping (Scene) -> Any?, _ changes: [(property: String, apply: Change)]) {
    (self.name, self.value, self.changes) = (name, value, changes)
  }

  /// A scene of two subjects, each with a box, and with a pseudo layout.
  static func base() throws -> Scene { try Small.scene { $0.layout.pseudoLayout = PseudoLayout(startStep: 2) } }

  static var all: [ScenePart] { [scene, subject, box, settings, layout, rule] }

  static var scene: ScenePart {
    ScenePart(
      "Scene", { $0 },
      [
        ("prompt", { $0.prompt = "a cat and a cup in the sea" }), ("subjects", { $0.subjects.removeLast() }),
        ("settings", { $0.settings.guidance = 3 }), ("layout", { $0.layout.masksText.toggle() }),
        (
          "noise",
          { scene in
            var numbers = TestNumbers(3)
            scene.noise = InitialNoise(numbers.tensor([1, 4, 8, 12], in: -2...2))
          }
        ),
      ])
  }

  static var subject: ScenePart {
    ScenePart(
      "Subject", { $0.subjects.first },
      [
        ("phrase", { $0.subjects[0].phrase = "beach" }),
        ("picture", { $0.subjects[0].image = PixelImage(width: 9, height: 7, red: 200, green: 30, blue: 1) }),
        (
          "mask",
          { scene in
            let image = scene.subjects[0].image
            var mask = PixelImage(width: image.width, height: image.height)
            for index in 0..<mask.pixels.count / 2 { mask.pixels[index] = 255 }
            scene.subjects[0].mask = Picture(mask)
          }
        ),
        ("crop", { $0.subjects[0].crop = Box(0.2, 0.1, 0.8, 0.9) }),
        ("box", { $0.subjects[0].box = Box(0.1, 0.2, 0.7, 0.3) }),
        (
          "scale",
          {
            $0.subjects[0].scale = 0.1
            $0.subjects[1].scale = 0.7
          }
        ),
      ])
  }

  static var box: ScenePart {
    ScenePart(
      "Box", { $0.subjects[0].box },
      [
        ("x0", { $0.subjects[0].box.x0 = 0.1 }), ("y0", { $0.subjects[0].box.y0 = 0.3 }),
        ("x1", { $0.subjects[0].box.x1 = 0.7 }), ("y1", { $0.subjects[0].box.y1 = 0.9 }),
      ])
  }

  static var settings: ScenePart {
    ScenePart(
      "SceneSettings", { $0.settings },
      [
        ("negativePrompt", { $0.negativePrompt = nil }), ("height", { $0.height = 96 }), ("width", { $0.width = 64 }),
        ("steps", { $0.steps = 4 }), ("guidance", { $0.guidance = 0.5 }),
        ("guidanceInterval", { $0.guidanceInterval = 0.1...5 }), ("scheduler", { $0.scheduler = .uniPC }),
        ("seed", { $0.seed = 0xffff_ffff_ffff_fff5 }), ("samples", { $0.samples = 2 }), ("scale", { $0.scale = 0.7 }),
        ("dropsGrounding", { $0.dropsGrounding = true }),
        ("findsPhrasesAsPublished", { $0.findsPhrasesAsPublished = true }),
      ])
  }

  static var layout: ScenePart {
    ScenePart(
      "LayoutOptions", { $0.layout },
      [
        ("pseudoLayout", { $0.layout.pseudoLayout = nil }), ("masksText", { $0.layout.masksText.toggle() }),
        ("zeroesBackground", { $0.layout.zeroesBackground.toggle() }),
        ("confinesSubjects", { $0.layout.confinesSubjects.toggle() }),
      ])
  }

  static var rule: ScenePart {
    ScenePart(
      "PseudoLayout", { $0.layout.pseudoLayout },
      [
        ("threshold", { $0.layout.pseudoLayout?.threshold = .otsu }),
        ("largestPart", { $0.layout.pseudoLayout?.largestPart = .four }),
        ("fillsHoles", { $0.layout.pseudoLayout?.fillsHoles = true }),
        ("fusion", { $0.layout.pseudoLayout?.fusion = .resolution }),
        ("usesBoxes", { $0.layout.pseudoLayout?.usesBoxes = true }),
        ("decay", { $0.layout.pseudoLayout?.decay = 0.3 }), ("startStep", { $0.layout.pseudoLayout?.startStep = 3 }),
      ])
  }
}
