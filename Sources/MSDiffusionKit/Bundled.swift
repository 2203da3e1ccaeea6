import Foundation
import Scripting

/// Files that come with the package: a small checkpoint, and photographs.
public enum Bundled {
  /// A complete, small and untrained MS-Diffusion. It shows that everything works and how attention moves; its images
  /// look like noise.
  public static var smallCheckpoint: String { path("SmallCheckpoint") }

  /// Photographs in the public domain or under CC0, each named in `LICENSES.md` there.
  public static var photographs: String { path("Photos") }

  /// The photographs' names, without endings.
  public static var photographNames: [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: photographs)) ?? []
    return files.filter { !$0.hasSuffix(".md") }.map { ($0 as NSString).deletingPathExtension }.sorted()
  }

  /// The path of a photograph by its name: `cat`.
  /// - Throws: ``RunError/unknownPhotograph(name:known:)``.
  public static func photograph(_ name: String) throws -> String {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: photographs)) ?? []
    guard let file = files.first(where: { ($0 as NSString).deletingPathExtension == name && !$0.hasSuffix(".md") })
    else {
      throw RunError.unknownPhotograph(name: name, known: photographNames)
    }
    return photographs + "/" + file
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
