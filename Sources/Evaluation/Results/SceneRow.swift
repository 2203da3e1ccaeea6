import JSON

/// Results of one measure on one scene: named lists of numbers, mostly one number per subject.
public struct SceneRow: Sendable, Equatable {
  /// Index of the scene in its stream.
  public var scene: Int
  public var values: [String: [Double]]

  public init(scene: Int, values: [String: [Double]]) { (self.scene, self.values) = (scene, values) }

  /// The mean of a list; nil if there is no such list.
  public func mean(_ name: String) -> Double? {
    guard let list = values[name], !list.isEmpty else { return nil }
    return list.reduce(0, +) / Double(list.count)
  }

  /// Rounded as in files, so that new rows equal rows that were read back.
  var rounded: SceneRow { SceneRow(scene: scene, values: values.mapValues { $0.map(\.rounded6) }) }

  var json: JSONValue {
    .object(
      [("scene", JSONValue(scene))]
        + values.sorted { $0.key < $1.key }.map { name, list in (name, .array(list.map { .double($0) })) })
  }

  init(_ json: JSONNode) throws {
    scene = try json["scene"].int()
    values = [:]
    for name in try json.keys() where name != "scene" {
      values[name] = try json[name].array().map { try $0.double() }
    }
  }
}

extension Double {
  /// Rounded to six decimal places, as in files.
  var rounded6: Double { (self * 1e6).rounded() / 1e6 }
}

extension [SceneRow] {
  /// The mean of a list in each scene that has it.
  public func means(_ name: String) -> [Double] { compactMap { $0.mean(name) } }

  /// The mean over scenes; nil if none has the list.
  public func mean(_ name: String) -> Double? {
    let all = means(name)
    return all.isEmpty ? nil : all.reduce(0, +) / Double(all.count)
  }

  /// The mean over scenes of each element of a list, such as a curve.
  public func curve(_ name: String) -> [Double] {
    let lists = compactMap { $0.values[name] }
    guard let first = lists.first else { return [] }
    return first.indices.map { index in lists.reduce(0) { $0 + $1[index] } / Double(lists.count) }
  }
}
