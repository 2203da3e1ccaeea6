import Foundation

/// The folder of the tests' golden values: `Tests/Golden`, laid out as its README describes.
package enum Golden {
  package static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden")

  package static func path(_ relative: String) -> String { folder.appendingPathComponent(relative).path }
}
