import CGD
import Foundation
import Synchronization

/// The font files for the text of figures. If a file is missing, libgd draws nothing or uses a different font without
/// an error, so the files are found and tested here.
package struct Fonts: Sendable {
  let regular: String
  let bold: String

  static let found: Result<Fonts, PlotError> = Result { () throws(PlotError) in
    Fonts(regular: try find("DejaVuSans.ttf"), bold: try find("DejaVuSans-Bold.ttf"))
  }

  /// Folders that are searched for fonts; the folder in the environment variable `MSDIFFUSION_FONTS` comes first.
  package static var folders: [String] {
    let own = ProcessInfo.processInfo.environment["MSDIFFUSION_FONTS"].map { [$0] } ?? []
    return own + [
      "/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-fonts", "/usr/share/fonts/TTF",
      "/usr/share/fonts/dejavu", "/usr/local/share/fonts",
    ]
  }

  /// The path of a font file that libgd can use.
  /// - Throws: ``PlotError/noFont(name:searched:reason:)`` if no folder has one.
  package static func find(_ name: String, in folders: [String] = folders) throws(PlotError) -> String {
    var reason = "no such file"
    for folder in folders {
      let path = folder + "/" + name
      guard FileManager.default.fileExists(atPath: path) else { continue }
      var corners = [Int32](repeating: 0, count: 8)
      guard let message = draw(nil, &corners, 0, path, 12, 0, 0, 0, "Ag") else { return path }
      reason = message
    }
    throw PlotError.noFont(name: name, searched: folders, reason: reason)
  }

  /// The characters that each font file can draw, by its path; nil for a file whose table cannot be read.
  private static let coverages = Mutex<[String: FontCoverage?]>([:])

  /// Whether a font has a scalar; true if the font's table cannot be read.
  private static func canDraw(_ scalar: Unicode.Scalar, with path: String) -> Bool {
    let coverage = coverages.withLock { known in
      if let coverage = known[path] { return coverage }
      let coverage = FontCoverage(contentsOf: path)
      known[path] = .some(coverage)
      return coverage
    }
    return coverage?.contains(scalar) ?? true
  }

  /// The string to pass to libgd to draw a line of text.
  package static func drawn(_ text: String, with path: String) -> String {
    // In printable ASCII, only ampersands are changed.
    if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return text.replacing("&", with: "&amp;") }
    return DrawnText(text) { canDraw($0, with: path) }.forLibgd
  }

  /// Calls libgd's text function, which only measures the text if the image is nil.
  /// - Returns: An error message; nil on success.
  static func draw(
    _ image: gdImagePtr?, _ corners: inout [Int32], _ color: Int32, _ path: String, _ points: Double, _ angle: Double,
    _ x: Int32, _ y: Int32, _ text: String
  ) -> String? {
    var text = Array(drawn(text, with: path).utf8CString)
    var path = Array(path.utf8CString)
    let message = gdImageStringFT(image, &corners, color, &path, points, angle, x, y, &text)
    return message.map { String(cString: $0) }
  }
}
