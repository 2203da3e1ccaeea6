import Tensors

/// A layer's position in its model: a dotted path, with which the layer's checkpoint keys and hook names begin, and
/// which names the layer in errors.
public struct Scope: Sendable {
  /// The dotted path within the checkpoint, such as `down_blocks.1.attentions.0`.
  public let path: String
  /// The name of the part of the model, such as `text_encoder`, with which hook names begin; empty for the denoising
  /// network.
  public let component: String
  let source: any ParameterSource
  /// The catalog to which hook points are added.
  public let catalog: HookCatalog

  /// The root of a model.
  /// - Parameters:
  ///   - source: the source of the weights.
  ///   - component: prefix of the names of hook points (`text_encoder.…`), so that several models can share a catalog.
  ///   - catalog: the catalog to which hook points are added.
  public init(_ source: any ParameterSource, component: String = "", catalog: HookCatalog = HookCatalog()) {
    self.init(path: "", component: component, source: source, catalog: catalog)
  }

  private init(path: String, component: String, source: any ParameterSource, catalog: HookCatalog) {
    (self.path, self.component, self.source, self.catalog) = (path, component, source, catalog)
  }

  /// The scope with this name inside this one.
  public subscript(_ name: String) -> Scope {
    Scope(path: joined(name), component: component, source: source, catalog: catalog)
  }

  /// The scope with this number inside this one.
  public subscript(_ index: Int) -> Scope { self[String(index)] }

  /// This scope, but with its hook points added to a different catalog.
  public func listingHooks(in catalog: HookCatalog) -> Scope {
    Scope(path: path, component: component, source: source, catalog: catalog)
  }

  /// The weight with this name and shape.
  /// - Throws: `ParameterError` if the weight is missing or has a different shape.
  public func parameter(_ name: String, _ shape: [Int]) throws -> Parameter {
    try source.parameter(joined(name), shape: shape)
  }

  /// The shape of the weight with this name in the source; nil if there is none.
  public func shape(of name: String) -> [Int]? { source.shape(of: joined(name)) }

  /// Declares a hook point with its axes.
  /// - Parameter heads: length of the head axis, if there is one.
  public func hook(_ name: String, _ kind: HookKind, heads: Int? = nil, axes: Axis...) -> HookPoint {
    hook(name, kind, heads: heads, axes: axes)
  }

  package func hook(_ name: String, _ kind: HookKind, heads: Int?, axes: [Axis]) -> HookPoint {
    let dotted = [component, path, name].filter { !$0.isEmpty }.joined(separator: ".")
    let layer = [component, path].filter { !$0.isEmpty }.joined(separator: ".")
    let point = HookPoint(
      name: dotted, layer: layer, component: component, kind: kind, axes: axes, heads: heads)
    catalog.add(point)
    return point
  }

  private func joined(_ name: String) -> String { path.isEmpty ? name : path + "." + name }
}
