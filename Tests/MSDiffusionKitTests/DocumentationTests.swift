import Foundation
import Testing

/// The package's files, which its documentation quotes and names.
private enum PackageFiles {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func lines(of path: String) throws -> [String] {
    try String(contentsOf: root.appending(path: path), encoding: .utf8).components(separatedBy: "\n")
  }

  /// All Swift text of a module, file after file.
  static func swift(of module: String) throws -> String {
    let folder = root.appending(path: "Sources/\(module)")
    let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return try files.filter { $0.hasSuffix(".swift") }.sorted()
      .map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }.joined(separator: "\n")
  }

  /// The modules that a script can use after importing MSDiffusionKit.
  static func reexported() throws -> [String] {
    try lines(of: "Sources/MSDiffusionKit/Reexports.swift").filter { $0.hasPrefix("@_exported import ") }
      .map { String($0.dropFirst("@_exported import ".count)) }
  }
}

/// A line without its comment and the white space around it.
private func code(_ line: String) -> String {
  line.replacing(#/(^|\s)//.*/#, with: "").trimmingCharacters(in: .whitespaces)
}

/// Code that an article quotes from a file.
private struct Quotation {
  /// The path in the line above the block, `Sources/….swift`; nil if there is none.
  var file: String?
  var lines: [String] = []

  /// All Swift blocks of an article.
  static func all(in article: [String]) -> [Quotation] {
    var found: [Quotation] = []
    var isInside = false
    var above = ""
    for line in article {
      if isInside {
        isInside = line != "```"
        if isInside { found[found.count - 1].lines.append(line) }
      } else if line == "```swift" {
        isInside = true
        found.append(Quotation(file: above.firstMatch(of: #/`(Sources/\S+\.swift)`/#).map { String($0.1) }))
      } else if !line.isEmpty {
        above = line
      }
    }
    return found
  }

  /// The first quoted line that does not follow the lines before it in the source; nil if all do.
  func firstMissing(in source: [String]) -> String? {
    var rest = source.map(code)[...]
    return lines.first { line in
      guard let index = rest.firstIndex(of: code(line)) else { return true }
      rest = rest[(index + 1)...]
      return false
    }
  }
}

@Suite struct PaperArticleTests {
  private let path = "Sources/MSDiffusionKit/MSDiffusionKit.docc/ThePaperBesideTheCode.md"

  @Test func everyQuotedLineIsInItsFile() throws {
    let quotations = Quotation.all(in: try PackageFiles.lines(of: path))
    #expect(quotations.count >= 9)
    for quotation in quotations {
      let file = try #require(quotation.file, "no file named above \(quotation.lines)")
      #expect(!quotation.lines.isEmpty, "nothing is quoted from \(file)")
      let missing = quotation.firstMissing(in: try PackageFiles.lines(of: file))
      #expect(missing == nil, "\(file) has no such line there: \(missing ?? "")")
    }
  }

  @Test func equationsAreInTheOrderOfThePaper() throws {
    let article = try PackageFiles.lines(of: path).joined(separator: "\n")
    let sections = article.components(separatedBy: "\n## ").dropFirst(2)
    let titles = sections.map { String($0.prefix { $0 != ":" }) }
    #expect(titles == (1...7).map { "Eq. \($0)" } + ["Appendix M", "Appendix K"])
    for section in sections {
      #expect(!Quotation.all(in: section.components(separatedBy: "\n")).isEmpty, "\(section.prefix(40))")
    }
  }

  @Test func changedAndReorderedLinesAreFound() {
    let article = ["`Sources/A.swift`", "```swift", "let a = 1", "  let b = 2", "```"]
    let quotation = Quotation.all(in: article).first
    #expect(quotation?.file == "Sources/A.swift")
    #expect(quotation?.firstMissing(in: ["  let a = 1  // one", "// between", "let b = 2"]) == nil)
    #expect(quotation?.firstMissing(in: ["let a = 1", "let b = 3"]) == "  let b = 2")
    #expect(quotation?.firstMissing(in: ["let b = 2", "let a = 1"]) == "  let b = 2")
  }

  /// The core functions can be read without scrolling.
  @Test(arguments: ["Sources/Models/UNet/CrossAttention.swift", "Sources/MSDiffusion/Attention/SubjectBranch.swift"])
  func attentionFitsOnOneScreen(file: String) throws {
    let lines = try PackageFiles.lines(of: file)
    let declaration = try #require(lines.firstIndex { $0.contains("func callAsFunction(") && $0.hasSuffix("{") })
    let comments = lines[..<declaration].reversed().prefix { code($0).isEmpty && !$0.isEmpty }.count
    let closing = String(lines[declaration].prefix { $0 == " " }) + "}"
    let end = try #require(lines[declaration...].firstIndex { $0 == closing })
    #expect(end - declaration + 1 + comments <= 40)
  }
}

@Suite struct ModulePageTests {
  /// Every module that scripts can use has a page, and its topics name public types of that module.
  @Test func topicsNamePublicTypes() throws {
    let modules = try PackageFiles.reexported()
    #expect(modules.count > 10)
    for module in modules {
      let page = try PackageFiles.lines(of: "Sources/\(module)/\(module).docc/\(module).md")
      #expect(page.first == "# ``\(module)``")
      let topics = page.drop { $0 != "## Topics" }.compactMap { $0.wholeMatch(of: #/- ``(\w+)``/#) }.map { $0.1 }
      #expect(!topics.isEmpty, "\(module)")
      let declaration = #/(?m)^public (?:final |indirect )*(?:struct|class|enum|protocol|actor|typealias) (\w+)/#
      let types = Set(try PackageFiles.swift(of: module).matches(of: declaration).map { $0.1 })
      for topic in topics { #expect(types.contains(topic), "\(module) has no public type \(topic)") }
    }
  }
}
