import Foundation

/// An option that one experiment takes beside those that all take.
public struct ExtraOption: Sendable, Equatable {
  /// Without its dashes: `scenes`.
  public let name: String
  /// What its value is called in the help; nil for a flag, which has none.
  let value: String?
  let help: String

  /// An option that is there or not.
  public static func flag(_ name: String, _ help: String) -> ExtraOption {
    ExtraOption(name: name, value: nil, help: help)
  }

  /// An option with a value.
  public static func value(_ name: String, _ value: String, _ help: String) -> ExtraOption {
    ExtraOption(name: name, value: value, help: help)
  }

  /// As the help of a script lists it.
  var helpLine: String {
    let left = "  --" + name + (value.map { " <\($0)>" } ?? "")
    return left.count < 25
      ? left + String(repeating: " ", count: 26 - left.count) + help
      : left + "\n" + String(repeating: " ", count: 26) + help
  }
}

/// The extra options that a command line gives, and what of it is left for the others.
struct ExtraArguments: Sendable {
  /// Values by name; empty for a flag.
  private(set) var given: [String: String] = [:]
  private(set) var rest: [String] = []

  /// - Throws: ``RunError/option(name:found:expected:)`` for a missing value, or a flag that has one.
  init(_ arguments: [String], _ options: [ExtraOption]) throws {
    var arguments = arguments[...]
    while let argument = arguments.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let option = options.first(where: { "--" + $0.name == parts[0] }) else {
        rest.append(argument)
        continue
      }
      let attached = parts.count > 1 ? parts[1] : nil
      if let value = option.value {
        guard let found = attached ?? arguments.popFirst(), !found.hasPrefix("--") else {
          throw RunError.option(name: "--" + option.name, found: "without a value", expected: "<\(value)> after it")
        }
        given[option.name] = found
      } else if let attached {
        throw RunError.option(name: "--" + option.name, found: "'\(attached)'", expected: "no value")
      } else {
        given[option.name] = ""
      }
    }
  }
}

extension Run {
  /// Whether a flag of this experiment's own was given.
  public func flag(_ name: String) -> Bool { extra(name) != nil }

  /// The value of an option of this experiment's own; nil where it was not given.
  public func text(_ name: String) -> String? { extra(name) }

  /// The same, a whole number above 0.
  /// - Throws: ``RunError/option(name:found:expected:)``.
  public func number(_ name: String) throws -> Int? {
    guard let text = extra(name) else { return nil }
    guard let number = Int(text), number > 0 else {
      throw RunError.option(name: "--" + name, found: "'\(text)'", expected: "a whole number above 0")
    }
    return number
  }
}
