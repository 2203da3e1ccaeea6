// One line each, for the REPL and for messages.

extension HookSelection: CustomStringConvertible {
  /// What it names, and where it is limited.
  public var description: String {
    let chosen = kinds == Set(HookKind.allCases) ? [] : kinds.map(\.rawValue).sorted()
    let named = chosen + patterns
    let limits = [
      grids.map { "grids \($0.map(\.description).sorted().joined(separator: ", "))" },
      steps.map { "steps \($0.sorted())" }, heads.map { "heads \($0)" },
    ]
    return
      (["HookSelection " + (named.isEmpty ? "of all points" : named.joined(separator: ", "))] + limits.compactMap { $0 })
      .joined(separator: ", ")
  }
}

extension Hook: CustomStringConvertible {
  public var description: String {
    switch action {
    case .observe: "Hook that observes, \(selection)"
    case .replace: "Hook that replaces, \(selection)"
    }
  }
}
