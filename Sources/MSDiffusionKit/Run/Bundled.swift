import Checkpoints
import Foundation
import Scripting

/// The files that come with the package: the model, emoji, photographs, and CLIP's vocabulary.
public enum Bundled {
  /// The folder of the bundled model, which experiments use unless `--checkpoint` is given. It contains a model card.
  public static var model: String { path("Model") }

  /// The folder with the finished stages of the model that is to replace the bundled one.
  package static var nextModel: String { path("NextModel") }

  /// The file with CLIP's byte-pair merges. A newly trained model's vocabulary has some of them.
  public static var merges: String { TokenizerFolder(vocabulary).merges }

  /// The folder of emoji, under the Open Font License. Training never saw any of them; `LICENSES.md` lists them.
  public static var emoji: String { path("Emoji") }

  /// The folder of photographs, in the public domain or under CC0; `LICENSES.md` lists them.
  public static var photographs: String { path("Photos") }

  /// The folder of CLIP's whole vocabulary, `vocab.json` and `merges.txt`, with its MIT licence.
  package static var vocabulary: String { path("CLIPVocabulary") }

  /// The names that ``reference(_:)`` accepts: the file names of emoji and photographs, without extensions.
  public static var referenceNames: [String] { files.map(\.name).sorted() }

  /// The path of the emoji or photograph with this name, such as `fox` or `cat`.
  /// - Throws: ``RunError/unknownReference(name:known:)`` if there is none.
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

  /// A path in the source folder if a script of this package is running, else in the bundle that the build made.
  private static func path(_ name: String) -> String {
    if let package = ScriptContext.current.package {
      let path = package + "/Sources/MSDiffusionKit/Resources/" + name
      if FileManager.default.fileExists(atPath: path) { return path }
    }
    return (Bundle.module.resourcePath ?? Bundle.module.bundlePath) + "/" + name
  }
}
