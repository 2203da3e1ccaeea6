import ArgumentParser
import Foundation
import JSON

/// The options of a command and the kind of value that each expects. Prepares a command line for ArgumentParser, and
/// rewrites ArgumentParser's errors as one sentence that says what was expected and what was found.
package struct OptionWords: Sendable {
  /// What each option that takes a value expects, by the option's name with its dashes.
  private let expected: [String: String]
  /// The names of all options.
  private let names: Set<String>

  /// - Parameters:
  ///   - arguments: The types that declare the options.
  ///   - help: The help text, which names every option.
  package init(_ arguments: [any ParsableArguments.Type], help: String) {
    var expected: [String: String] = [:]
    for type in arguments {
      for (label, value) in Mirror(reflecting: type.init()).children {
        let wrapper = String(describing: Swift.type(of: value))
        guard let label, wrapper.hasPrefix("Option<") else { continue }
        expected[Self.name(label)] = Self.description(of: wrapper)
      }
    }
    self.expected = expected
    names = Set(help.matches(of: /--[A-Za-z0-9][A-Za-z0-9-]*/).map { String($0.output) }).union(expected.keys)
  }

  /// `--text-attention` for a property `_textAttention`.
  private static func name(_ label: String) -> String {
    "--" + label.drop { $0 == "_" }.map { $0.isUppercase ? "-\($0.lowercased())" : String($0) }.joined()
  }

  private static func description(of wrapper: String) -> String {
    let type = wrapper.dropFirst("Option<".count).dropLast().replacing("Optional<", with: "").replacing(">", with: "")
    return switch type {
    case "Int", "Int64": "a whole number"
    case "UInt", "UInt64": "a whole number from 0 to \(UInt64.max)"
    case "Float", "Double": "a number such as 7.5"
    case "String": "a value"
    default: "a value as --help describes it"
    }
  }

  // MARK: Before parsing

  /// The words as ArgumentParser needs them: a value that begins with a dash, such as a negative number, is joined to
  /// its option.
  /// - Throws: `ValidationError` for an option that does not exist. This is checked here because ArgumentParser might
  ///   report instead that a required option is missing, although it was only misspelt.
  package func prepared(_ words: [String]) throws -> [String] {
    var (result, index) = ([String](), 0)
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" { return result + words[(index - 1)...] }
      let name = String(word.prefix { $0 != "=" })
      if word.hasPrefix("--"), !names.contains(name), name != "--help" { throw unknown(name) }
      if expected[word] != nil, index < words.count, words[index].hasPrefix("-"), !words[index].hasPrefix("--"),
        words[index] != "-h"
      {
        result.append(word + "=" + words[index])
        index += 1
      } else {
        result.append(word)
      }
    }
    return result
  }

  private func unknown(_ name: String) -> ValidationError {
    let near = nearNames(to: name.lowercased(), among: names.sorted())
    return ValidationError(
      "expected an option that exists, found '\(name)'; "
        + (near.isEmpty ? "--help lists all options" : "is it \(near.joined(separator: " or "))?"))
  }

  // MARK: After parsing

  /// ArgumentParser's message in one sentence, with what was expected; other messages stay as they are.
  package func explained(_ message: String) -> String {
    if let match = message.wholeMatch(
      of: /The value '(.*)' is invalid for '(?:(--[\w-]+) <.*>|<(.*)>)'(.*)/.dotMatchesNewlines())
    {
      let (value, rest) = (match.1, match.4)
      let name = match.2.map(String.init) ?? match.3.map { "the \($0)" } ?? "a value"
      if rest.hasPrefix(": ") { return "\(name) is '\(value)'\(rest)" }
      // ArgumentParser lists a few choices in quotes, and many on one line each.
      let choices = rest.matches(of: /\n *- ([^\n]+)|'([^\n']+)'/).compactMap { $0.1 ?? $0.2 }
      let expected =
        choices.isEmpty
        ? self.expected[name] ?? "a value as --help describes it" : "one of \(choices.joined(separator: ", "))"
      return "\(name) is '\(value)', expected \(expected)"
    }
    if let match = message.wholeMatch(of: /Missing value for '(--?[\w-]+).*'/) {
      let name = String(match.1)
      return "\(name) has no value, expected \(expected[name] ?? "one") after it"
    }
    if let match = message.wholeMatch(of: /Missing expected argument '(.*)'/) {
      let option = match.1.prefix { $0 != " " }
      return "expected \(option), found none"
    }
    if let match = message.wholeMatch(of: /Unexpected argument '(.*)'/) {
      return "expected only options and their values, found '\(match.1)'"
    }
    if let match = message.wholeMatch(of: /\d+ unexpected arguments: (.*)/) {
      return "expected only options and their values, found \(match.1)"
    }
    if let match = message.wholeMatch(of: /Unknown option '(.*?)'(.*)/) {
      let near = match.2.firstMatch(of: /'(--[\w-]+)'/).map { "is it \($0.1)?" }
      return "expected an option that exists, found '\(match.1)'; \(near ?? "--help lists all options")"
    }
    return message
  }
}
