import Checkpoints
import Foundation
import Scripting

/// Files bundled with the package: the model, emoji, photographs, and CLIP's vocabulary.
public enum Bundled {
  /// The folder of the bundled model, which experiments use without `--checkpoint`; `MODEL_CARD.md` in it describes it.
  public static var model: String { path("Model") }

  /// The file of CLIP's byte-pair merges; a newly trained model's vocabulary is a subset of them.
  public static var merges: String { TokenizerFolder(vocabulary).merges }

  /// The folder of emoji that training never saw, under the Open Font License; `LICENSES.md` in it lists them.
  public static var emoji: String { path("Emoji") }

  /// The folder of photographs, in the public domain or under CC0; `LICENSES.md` in it lists them.
  public static var photographs: String { path("Photos") }

  /// The folder of CLIP's whole vocabulary, `vocab.json` and `merges.txt`, with its MIT licence.
  package static var vocabulary: String { path("CLIPVocabulary") }

  /// The names that ``reference(_:)`` accepts: those of emoji and photographs, without file extensions.
  public static var referenceNames: [String] { files.map(\.name).sorted() }

  /// The path of an emoji or a photograph with this name, such as `fox` or `cat`.
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

  /// In the source folder if a script of this package is running, else in the bundle that the build made.
  private static func path(_ name: String) -> String {
    if let package = ScriptContext.current.package {
      let path = package + "/Sources/MSDiffusionKit/Resources/" + name
      if FileManager.default.fileExists(atPath: path) { return path }
    }
    return (Bundle.module.resourcePath ?? Bundle.module.bundlePath) + "/" + name
  }
}
