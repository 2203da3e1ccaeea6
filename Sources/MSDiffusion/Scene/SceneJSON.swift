import Analysis
import Foundation
import Images
import JSON
import Models
import Tensors

extension Scene {
  /// The scene as JSON with every field, for a scene file or for the file next to a figure. ``init(_:files:defaults:)``
  /// reads it. A shortened example:
  ///
  /// ```json
  /// {
  ///   "prompt": "a fox and a car on the beach",
  ///   "subjects": [
  ///     {
  ///       "phrase": "fox", "picture": {"name": "fox", "sha256": "64 digits"}, "mask": null, "crop": null,
  ///       "box": [0, 0.2, 0.45, 0.8], "scale": null
  ///     }
  ///   ],
  ///   "settings": {"negative_prompt": null, "steps": 30, "guidance": 7.5, "guidance_interval": [0, null], "seed": 0},
  ///   "layout": {"pseudo_layout": null, "masks_text": false, "zeroes_background": true, "confines_subjects": true},
  ///   "noise": null
  /// }
  /// ```
  ///
  /// - Only `prompt`, and `phrase` and `picture` of each subject, are required. If another key is missing, its default
  ///   applies. null is a value: `"negative_prompt": null` means no negative prompt, while a missing key means the
  ///   default one. An unknown key is an error.
  /// - `picture` and `mask` are `{"name": …}`, a picture that comes with the package; `{"file": …}`, a path relative to
  ///   the JSON file's folder; or `{"png": …}`, a PNG file in base64. An optional `sha256` is the hash of the
  ///   file's bytes: a file with a different hash is then an error. A plain string is a path if it contains a dot or a
  ///   slash, else a name.
  /// - These objects may have options: with `"orientation": "stored"`, the camera's orientation tag is ignored; with
  ///   `"uses_alpha": false`, the alpha channel is ignored, which is otherwise the picture's mask if `mask` is missing.
  ///   In `mask`, `"index": 2` selects the pixels with palette index or grey value 2.
  /// - `box` and `crop` are `[left, top, right, bottom]` in fractions of the image; a `box` of all zeros means no
  ///   layout.
  /// - `settings` has the fields of ``SceneSettings``, `layout` the fields of ``LayoutOptions``, and `pseudo_layout`
  ///   the fields of `PseudoLayout`:
  ///   `{"threshold": 0.5 or "otsu", "largest_part": null, "four" or "eight", "fills_holes": false,
  ///   "fusion": null, "uniform", "resolution" or "concentration", "uses_boxes": false, "memory": 1, "start_step": 5}`.
  /// - The end of `guidance_interval` may be null, for infinity. `seed` is a number; above 2⁵³, a string of digits.
  /// - `noise` is `{"file": …, "sha256": …}` or `{"shape": […], "float32": base64 of little-endian numbers}`.
  ///
  /// - Parameter folder: The JSON file's folder, to which paths are made relative; nil: paths stay as they are.
  public func json(in folder: String? = nil) -> JSONValue {
    JSONValue(self, Self.fields(SceneFiles(folder: folder)))
  }

  /// Reads a scene.
  /// - Parameters:
  ///   - node: JSON in the format that ``json(in:)`` describes.
  ///   - files: Finds the files that the JSON refers to.
  ///   - defaults: Values of missing settings.
  /// - Throws: `JSONError` for a missing key, an unknown key or a value of the wrong type; ``SceneError``, `ImageError`
  ///   or `NumPyError` for a file that has changed or cannot be used; `SchedulerError` for an unknown scheduler;
  ///   `AnalysisError` for an invalid box; errors thrown by the function of `files` that finds pictures by name.
  public init(
    _ node: JSONNode, files: SceneFiles = SceneFiles(), defaults: SceneSettings = .published
  ) throws {
    self.init(try node["prompt"].string(), settings: defaults)
    try node.read(into: &self, Self.fields(files))
  }

  private static func fields(_ files: SceneFiles) -> [JSONField<Scene>] {
    [
      JSONField("prompt", \.prompt),
      JSONField("subjects") { scene in
        .array(scene.subjects.map { JSONValue($0, Subject.fields(files)) })
      } read: { scene, node in
        scene.subjects = try node.array().map { try Subject($0, files) }
      },
      JSONField("settings") { scene in
        JSONValue(scene.settings, SceneSettings.fields)
      } read: { scene, node in
        try node.read(into: &scene.settings, SceneSettings.fields)
      },
      JSONField("layout", \.layout),
      JSONField("noise", isNullable: true) { scene in
        scene.noise.map { files.json($0) } ?? .null
      } read: { scene, node in
        scene.noise = node.isPresent ? try files.noise(node) : nil
      },
    ]
  }
}

extension Subject {
  fileprivate init(_ node: JSONNode, _ files: SceneFiles) throws {
    self.init(try node["phrase"].string(), picture: try files.picture(node["picture"]))
    try node.read(into: &self, Self.fields(files))
    do {
      _ = try selection()
    } catch {
      let location = node[mask == nil ? "picture" : "mask"].location
      throw SceneError.mask(location: location, expected: error.expected, found: error.found)
    }
  }

  fileprivate static func fields(_ files: SceneFiles) -> [JSONField<Subject>] {
    [
      JSONField("phrase", \.phrase),
      // The initializer has already read it.
      JSONField("picture") {
        files.json($0.picture)
      } read: { _, _ in
      },
      JSONField("mask", isNullable: true) { subject in
        subject.mask.map { files.json($0) } ?? .null
      } read: { subject, node in
        subject.mask = node.isPresent ? try files.mask(node) : nil
      },
      JSONField("crop", \.crop), JSONField("box", \.box), JSONField("scale", \.scale),
    ]
  }
}

extension SceneSettings: JSONCoded {
  static var fields: [JSONField<SceneSettings>] {
    [
      JSONField("negative_prompt", \.negativePrompt), JSONField("height", \.height), JSONField("width", \.width),
      JSONField("steps", \.steps), JSONField("guidance", \.guidance),
      JSONField("guidance_interval", \.guidanceInterval), JSONField("scheduler", \.scheduler),
      JSONField("seed", \.seed), JSONField("samples", \.samples), JSONField("scale", \.scale),
      JSONField("drops_grounding", \.dropsGrounding),
      JSONField("finds_phrases_as_published", \.findsPhrasesAsPublished),
    ]
  }

  package var json: JSONValue { JSONValue(self, Self.fields) }

  package init(json node: JSONNode) throws { try self.init(json: node, defaults: .published) }

  /// - Parameter defaults: Values of missing settings.
  package init(json node: JSONNode, defaults: SceneSettings) throws {
    self = defaults
    try node.read(into: &self, Self.fields)
  }
}

extension SchedulerKind: JSONCoded {
  package var json: JSONValue { .string(name) }
  package init(json node: JSONNode) throws { self = try .named(node.string()) }
}

extension Box: JSONCoded {
  package var json: JSONValue { JSONValue(numbers) }
  package init(json node: JSONNode) throws { try self.init(validating: node.floats(), as: node.location) }
}
