import Foundation
import Images

/// Small files and their pixels, made with Pillow and committed with the tests.
enum Fixtures {
  struct Picture: Decodable {
    let width, height: Int
    let pixels: Data
    var image: PixelImage { PixelImage(width: width, height: height, pixels: [UInt8](pixels)) }
  }

  struct DecodedFile: Decodable, CustomStringConvertible {
    let name: String
    let file: Data
    let width, height, tolerance: Int
    let pixels: Data
    /// Pillow's alpha channel and palette indices; nil if the picture has none, or if they are not compared.
    let alpha, indices: Data?
    var image: PixelImage { PixelImage(width: width, height: height, pixels: [UInt8](pixels)) }
    var description: String { name }
  }

  struct Resized: Decodable {
    struct Case: Decodable {
      let source, filter: String
      let width, height: Int
      let pixels: Data
    }
    let sources: [String: Picture]
    let cases: [Case]
  }

  static func decoded() throws -> [DecodedFile] {
    struct File: Decodable { let cases: [DecodedFile] }
    return try read(File.self, "decoded.json").cases
  }

  static func resized() throws -> Resized { try read(Resized.self, "resized.json") }

  private static func read<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(name)
    return try JSONDecoder().decode(type, from: Data(contentsOf: path))
  }
}
