import Checkpoints
import Foundation
import Scripting

/// Files that come with the package: the model, emoji and photographs, and CLIP's vocabulary.
public enum Bundled {
  /// The model that this package trained, which experiments use where no other is named; `MODEL_CARD.md` there tells more.
  public static var model: String { path("Model") }

  /// CLIP's merges of byte pairs, which the vocabulary of a model to be trained is cut out of.
  public static var merges: String { TokenizerFolder(vocabulary).merges }

  /// Emoji that training never saw, under the Open Font License; `LICENSES.md` there tells more.
  public static var emoji: String { path("Emoji") }

  /// Photographs in the public domain or under CC0, each named in `LICENSES.md` there.
  public static var photographs: String { path("Photos") }

  /// CLIP's whole vocabulary, `vocab.json` and `merges.txt`, under the MIT licence, which lies there too.
  package static var vocabulary: String { path("CLIPVocabulary") }

  /// What ``reference(_:)`` knows: names of emoji and photographs, without endings.
  public static var referenceNames: [String] { files.map(\.name).sorted() }

  /// The path of an emoji or a photograph by its name: `fox`, `cat`.
  /// - Throws: ``RunError/unknownReference(name:known:)``.
  public static func reference(_ name: String) throws -> String {
    guard let file = files.first(where: { $0.name == name }) else {
      throw RunError.unknownReference(name: name, known: referenceNames)
    }
    return file.path
  }

  private static var files: [(name: String, path: String)] {
    [emoji, photographs].flatMap { folder in
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return files.filter { !$0.hasSuffix(".md") }.map { (($0 as NSString).deletingPathExtension, folder + "/" + $0) }
    }
  }

  /// Beside the sources where a script of this package runs, else in the bundle that the build made.
  private static func path(_ name: String) -> String {
    if let package = ScriptContext.current.package {
      let path = package + "/Sources/MSDiffusionKit/Resources/" + name
      if FileManager.default.fileExists(atPath: path) { return path }
    }
    return (Bundle.module.resourcePath ?? Bundle.module.bundlePath) + "/" + name
  }
}
