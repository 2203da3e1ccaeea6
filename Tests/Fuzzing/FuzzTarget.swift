import Checkpoints
import Foundation
import Images
import JSON
import Layers
import Models
import Phrases

/// The parsers that get damaged and hostile input. Each may throw its own errors; anything else stops the program.
package enum FuzzTarget: String, CaseIterable, Sendable {
  case safetensors
  /// Files written by torch.save, in both formats.
  case pickle
  case zip
  case json
  /// Configurations of models, schedulers and image processors, and the models built from them.
  case config
  /// Pictures of all formats, and masks read from them.
  case image
  /// A `tokenizer.json`, and a text that the tokenizer encodes.
  case tokenizer
  /// A prompt in the first line, and phrases in the others.
  case phrases
  /// Not a parser: stops the program at one input, to check that fuzzing finds this input.
  case planted

  /// Runs the parser on the bytes.
  package func run(_ bytes: UnsafeRawBufferPointer) {
    do {
      switch self {
      case .safetensors: _ = try SafetensorsHeader(bytes, path: "input")
      case .pickle: _ = try PickledTensors(bytes, path: "input").readAll(in: bytes)
      case .zip: _ = try ZipArchive(bytes, path: "input")
      case .json:
        let value = try parsed(bytes)
        // A value that was read must be the same after writing and reading it again.
        guard try JSONValue.parse(value.text(), name: "own text") == value else {
          fatalError("a JSON value changed when it was written and read again")
        }
      case .config: try configurations(parsed(bytes))
      case .image: try image(Array(bytes))
      case .tokenizer: try tokenizer(bytes)
      case .phrases: phrases(String(decoding: bytes, as: UTF8.self))
      case .planted: planted(bytes)
      }
    } catch is CheckpointError, is JSONError, is ParameterError, is SchedulerError, is ImageError, is MaskError,
      is TokenizerError
    {
      return
    } catch {
      fatalError("\(self): an unexpected kind of error: \(error)")
    }
  }

  /// Large pictures are left out, since decoding them takes long.
  private func image(_ bytes: [UInt8]) throws {
    let header = try ImageHeader(bytes, name: "input")
    guard header.width * header.height <= 1 << 16 else { return }
    let decoded = try DecodedImage(decoding: bytes, name: "input")
    guard decoded.image.pixels.count == 3 * decoded.image.width * decoded.image.height else {
      fatalError("expected 3 bytes per pixel, found \(decoded.image.pixels.count) bytes in all")
    }
    for index in [nil, 0, 1] { _ = try? decoded.mask(index: index) }
    _ = decoded.alphaMask
  }

  /// A folder in memory, if the system has one, for files that are opened by their paths.
  private static let folder: String = {
    let memory = "/dev/shm"
    let parent = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
    let path = "\(parent)/msdiffusion-fuzzing-\(ProcessInfo.processInfo.processIdentifier)"
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      fatalError("\(path): \(error)")
    }
    return path
  }()

  private func tokenizer(_ bytes: UnsafeRawBufferPointer) throws {
    let file = Self.folder + "/tokenizer.json"
    guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else {
      fatalError("\(file): cannot be written")
    }
    let tokenizer = try CLIPTokenizer(folder: Self.folder)
    let encoding = tokenizer.encode("a fox, a café and <|endoftext|> <cat-toy>", length: 20)
    guard encoding.ids.count == 20 else { fatalError("expected 20 tokens, found \(encoding.ids.count)") }
    _ = tokenizer.pieces(of: encoding.ids)
  }

  private func phrases(_ text: String) {
    let lines = text.split(whereSeparator: \.isNewline).prefix(6).map(String.init)
    guard let prompt = lines.first else { return }
    let words = WordList(prompt)
    let positions = words.positions(of: Array(lines.dropFirst()))
    for case let range? in positions where range.isEmpty || range.upperBound > words.words.count {
      fatalError("expected some of \(words.words.count) words, found the range \(range)")
    }
  }

  private func parsed(_ bytes: UnsafeRawBufferPointer) throws -> JSONValue {
    try bytes.withMemoryRebound(to: UInt8.self) { try JSONValue.parse($0, name: "input") }
  }

  /// Runs every parser for configurations, even after others have thrown, and throws the first error.
  private func configurations(_ value: JSONValue) throws {
    let node = JSONNode(value, name: "input")
    let parsers: [(Scope, JSONNode) throws -> Void] = [
      { _ = try UNet($0, UNetConfiguration($1)) }, { _ = try VAE($0, VAEConfiguration($1)) },
      { _ = try CLIPTextEncoder($0, .init($1)) }, { _ = try CLIPVisionEncoder($0, .init($1)) },
      { _ = try SchedulerKind.euler.make(configuration: SchedulerConfiguration($1), steps: 3) },
      { _ = try CLIPImageProcessor($1) },
    ]
    var first: (any Error)?
    for parse in parsers {
      do { try parse(Scope(ShapeSource()), node) } catch {
        guard error is JSONError || error is ParameterError || error is SchedulerError else { throw error }
        first = first ?? error
      }
    }
    if let first { throw first }
  }

  /// A bug that only a guided search finds: it needs four letters in a row, each checked in a separate branch.
  private func planted(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 4, bytes[0] == UInt8(ascii: "B") else { return }
    guard bytes[1] == UInt8(ascii: "U") else { return }
    guard bytes[2] == UInt8(ascii: "G") else { return }
    guard bytes[3] == UInt8(ascii: "!") else { return }
    fatalError("the planted bug")
  }
}
