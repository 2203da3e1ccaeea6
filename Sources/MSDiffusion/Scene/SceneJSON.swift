import Analysis
import Foundation
import Images
import JSON
import Models
import Tensors

extension Scene {
  /// The scene as JSON, every field: a scene file, or the record beside a figure. ``init(_:files:defaults:)`` reads it.
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
  /// - Only `prompt`, and of a subject `phrase` and `picture`, must be there. A key that is missing takes its default;
  ///   null is a value: `"negative_prompt": null` is no negative prompt, where a missing one is the default's. An
  ///   unknown key is an error.
  /// - `picture` and `mask` are `{"name": …}`, one of the package's own, `{"file": …}`, a path that starts at the
  ///   JSON file's folder, or `{"png": …}`, a PNG file in base64. Beside a name or a path may stand `sha256`, the hash
  ///   of the file's bytes: another file is then an error. A text alone is a name, or a path where it has a point or a
  ///   slash.
  /// - `box` and `crop` are `[left, top, right, bottom]` in fractions of the image; all zero: not laid out.
  /// - `settings` and `layout` have the names of ``SceneSettings`` and ``LayoutOptions``, `pseudo_layout` those of
  ///   `PseudoLayout`: `{"threshold": 0.5 or "otsu", "largest_part": null, "four" or "eight", "fills_holes": false,
  ///   "fusion": null, "uniform", "resolution" or "concentration", "uses_boxes": false, "memory": 1, "start_step": 5}`.
  /// - The end of `guidance_interval` may be null: no end. `seed` is a number, beyond 2⁵³ a text of digits.
  /// - `noise` is `{"file": …, "sha256": …}` or `{"shape": […], "float32": base64 of little-endian numbers}`.
  ///
  /// - Parameter folder: Where the JSON will lie; paths then start there. nil: they stay as they were given.
  public func json(in folder: String? = nil) -> JSONValue {
    JSONValue(self, Self.fields(SceneFiles(folder: folder)))
  }

  /// Reads a scene.
  /// - Parameters:
  ///   - node: As ``json(in:)`` describes it.
  ///   - files: Where the files lie that it names.
  ///   - defaults: What missing settings are.
  /// - Throws: `JSONError`, ``SceneError``, `ImageError`, `NumPyError`, `SchedulerError`, `AnalysisError`.
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
  }

  fileprivate static func fields(_ files: SceneFiles) -> [JSONField<Subject>] {
    [
      JSONField("phrase", \.phrase),
      // Read before the others: there is no subject without it.
      JSONField("picture") {
        files.json($0.picture)
      } read: { _, _ in
      },
      JSONField("mask", isNullable: true) { subject in
        subject.mask.map { files.json($0) } ?? .null
      } read: { subject, node in
        subject.mask = node.isPresent ? try files.picture(node) : nil
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

  /// - Parameter defaults: What missing settings are.
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
