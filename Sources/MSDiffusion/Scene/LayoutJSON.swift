import Analysis
import JSON

extension LayoutOptions: JSONCoded {
  static var fields: [JSONField<LayoutOptions>] {
    [
      JSONField("pseudo_layout", \.pseudoLayout), JSONField("masks_text", \.masksText),
      JSONField("zeroes_background", \.zeroesBackground), JSONField("confines_subjects", \.confinesSubjects),
    ]
  }

  package var json: JSONValue { JSONValue(self, Self.fields) }

  package init(json node: JSONNode) throws {
    self.init()
    try node.read(into: &self, Self.fields)
  }
}

extension PseudoLayout: JSONCoded {
  static var fields: [JSONField<PseudoLayout>] {
    [
      JSONField("threshold", \.threshold), JSONField("largest_part", \.largestPart),
      JSONField("fills_holes", \.fillsHoles), JSONField("fusion", \.fusion), JSONField("uses_boxes", \.usesBoxes),
      JSONField("memory", \.decay), JSONField("start_step", \.startStep),
    ]
  }

  package var json: JSONValue { JSONValue(self, Self.fields) }

  package init(json node: JSONNode) throws {
    self = .published
    try node.read(into: &self, Self.fields)
    guard (0...1).contains(decay) else { throw node["memory"].mismatch("a number from 0 to 1") }
  }
}

/// A number or `"otsu"`.
extension PseudoLayout.Threshold: JSONCoded {
  package var json: JSONValue {
    switch self {
    case .fixed(let value): JSONValue(value)
    case .otsu: "otsu"
    }
  }

  package init(json node: JSONNode) throws {
    switch node.value {
    case .string("otsu")?: self = .otsu
    case .integer?, .double?: self = .fixed(try node.float())
    default: throw node.mismatch("a number or 'otsu'")
    }
  }
}

extension Connectivity: JSONCoded {
  package var json: JSONValue {
    switch self {
    case .four: "four"
    case .eight: "eight"
    }
  }

  package init(json node: JSONNode) throws {
    switch node.value {
    case .string("four")?: self = .four
    case .string("eight")?: self = .eight
    default: throw node.mismatch("'four' or 'eight'")
    }
  }
}

extension LayerFusion: JSONCoded {
  package var json: JSONValue { .string(rawValue) }

  package init(json node: JSONNode) throws {
    guard let fusion = LayerFusion(rawValue: try node.string()) else {
      throw node.mismatch("one of " + Self.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))
    }
    self = fusion
  }
}
