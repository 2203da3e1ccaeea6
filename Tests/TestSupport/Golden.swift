import Foundation

/// The folder of the tests' golden numbers: `Tests/Golden`, laid out as the README there describes.
public enum Golden {
  public static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden")

  public static func path(_ relative: String) -> String { folder.appendingPathComponent(relative).path }
}
