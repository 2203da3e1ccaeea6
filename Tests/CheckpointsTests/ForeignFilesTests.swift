import Checkpoints
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Files that are not weights, and tensors of types that cannot be read.
@Suite struct ForeignFilesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4f6c\nsize 5135149760\n"

  @Test(
    arguments: [
      (Array(pointer.utf8), "Git LFS pointer, which stands for a file of 5135149760 bytes"),
      (Array("/annex/objects/SHA256E-s1--a.bin\n".utf8), "git-annex pointer"),
      (Array("\n<!DOCTYPE html>\n<html><head>".utf8), "web page (HTML)"),
      (Array("<html lang=\"en\">".utf8), "web page (HTML)"),
      (Array("<?xml version=\"1.0\"?><Error><Code>AccessDenied".utf8), "XML"),
      (Array("Entry not found".utf8), "text that begins 'Entry not found'"),
      (Array(#"{"error":"Access is restricted"}"#.utf8), "text that begins"),
      (Array("GGUF".utf8) + [3, 0, 0, 0, 1, 0, 0, 0], "GGUF"),
      ([0x89] + Array("HDF\r\n".utf8) + [0x1a, 0x0a], "HDF5"),
      ([0x93] + Array("NUMPY".utf8) + [1, 0, 0x76, 0], "NumPy array"),
      ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], "gzip"),
      ([0x89] + Array("PNG\r\n".utf8) + [0x1a, 0x0a], "PNG"),
      ([UInt8](repeating: 0, count: 100), "zeros"),
      ([], "empty file"),
    ] as [([UInt8], String)])
  func filesThatAreNoWeightsAreNamed(contents: [UInt8], name: String) throws {
    for file in ["model.safetensors", "model.bin"] {
      let path = try folder.write(contents, as: file)
      let error = #expect(throws: CheckpointError.self) { try Checkpoint(path) }
      let text = "\(try #require(error))"
      #expect(text.hasPrefix(path + ": expected weights, found ") && text.contains(name), "\(text)")
    }
  }

  @Test func configurationsThatAreNoJSONAreNamed() throws {
    for (contents, name) in [(Self.pointer, "Git LFS pointer"), ("<!doctype html>", "web page"), ("", "empty file")] {
      let path = try folder.write(Array(contents.utf8), as: "config.json")
      let error = #expect(throws: JSONError.self) { try JSONNode.read(path) }
      #expect("\(try #require(error))".contains(name))
    }
  }

  /// A header of 65,279 bytes begins with the byte order mark of UTF-16, one of 35,615 bytes like a gzip archive.
  @Test(arguments: [65279, 35615])
  func aHeaderMayHaveAnyLength(length: Int) throws {
    let start = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
    let header = Array((start + String(repeating: " ", count: length - start.utf8.count - 1) + "}").utf8)
    let count = withUnsafeBytes(of: UInt64(length).littleEndian) { [UInt8]($0) }
    let path = try folder.write(count + header + [0, 0, 0x80, 0x3f], as: "m.safetensors")
    #expect(try Checkpoint(path).stored("a").tensor.item == 1)
  }

  /// A zip with one entry that is stored as it is.
  private func zip(_ name: String) -> [UInt8] {
    let fixed: [UInt8] = [10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let lengths: [UInt8] = [UInt8(name.utf8.count), 0, 0, 0]
    let local = [0x50, 0x4b, 3, 4] + fixed + lengths + Array(name.utf8)
    let central =
      [0x50, 0x4b, 1, 2, 10, 0] + fixed + lengths + [UInt8](repeating: 0, count: 14) + Array(name.utf8)
    return local + central
      + [0x50, 0x4b, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, UInt8(central.count), 0, 0, 0, UInt8(local.count), 0, 0, 0, 0, 0]
  }

  @Test(arguments: [
    ("unet/model.safetensors", "unpack it"), ("arr_0.npy", "NumPy arrays"), ("[Content_Types].xml", "office document"),
    ("readme.md", "a zip of other files (readme.md)"),
  ])
  func zipsOfOtherFilesAreNamed(entry: String, name: String) throws {
    let path = try folder.write(zip(entry), as: "model.bin")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path) }
    #expect("\(try #require(error))".contains(name))
  }

  // MARK: Types

  @Test func typesThatCannotBeReadStopOnlyWhatNeedsThem() throws {
    let mixed = try Checkpoint(SavedFiles.path("mixed_types.safetensors"))
    #expect(mixed.keys == ["b", "h", "u", "w"])
    #expect(try mixed.stored("h").tensor.item == 1.5 && mixed.stored("b").integers == [1, 0])
    #expect(mixed.storedType(of: "w")?.name == "float8_e4m3fn" && mixed.shape(of: "w") == [2, 3])
    #expect(mixed.storedType(of: "u")?.name == "uint16" && mixed.elementType(of: "u") == nil)
    for key in ["u", "w"] {
      let error = #expect(throws: CheckpointError.self) { try mixed.stored(key) }
      #expect("\(try #require(error))".contains("'\(key)' of type \(mixed.storedType(of: key)?.name ?? "?")"))
    }
    let eight = try Checkpoint(SavedFiles.path("dt_F8_E4M3.safetensors"))
    #expect(try eight.stored("a").tensor.values == [0, 1, 2, 3])
    #expect(throws: CheckpointError.self) { try eight.stored("w") }
  }

  @Test(arguments: [("F4", 6, 3), ("F6_E2M3", 4, 3), ("C64", 2, 16), ("U64", 1, 8), ("F8_E8M0", 5, 5)])
  func sizesOfOtherTypesAreChecked(type: String, count: Int, bytes: Int) throws {
    for (size, isRight) in [(bytes, true), (bytes + 1, false)] {
      let header = Array(#"{"a":{"dtype":"\#(type)","shape":[\#(count)],"data_offsets":[0,\#(size)]}}"#.utf8)
      let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { [UInt8]($0) }
      let path = try folder.write(length + header + [UInt8](repeating: 0, count: size), as: "t.safetensors")
      if isRight {
        #expect(try Checkpoint(path).shape(of: "a") == [count])
      } else {
        #expect(throws: CheckpointError.self) { try Checkpoint(path) }
      }
    }
  }
}
