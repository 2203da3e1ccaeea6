import Analysis

/// The attention to each word in one rendered scene.
public struct AttentionRow: MeasuredRow {
  /// The layers whose maps were fused.
  public enum Layers: Hashable, Codable, Sendable {
    /// All layers, fused in this way.
    case all(LayerFusion)
    /// The mean of the layers whose maps have this many rows.
    case height(Int)
  }

  /// How well a scene's heatmaps fit its silhouettes, for one choice of layers.
  public struct Pointing: Codable, Equatable, Sendable {
    /// γ, the weight of subject attention.
    public var scale: Float
    public var layers: Layers
    /// For each subject, 1 if the maximum of its phrase's heatmap lies in its silhouette, 0 if not, or a number between
    /// them if several maxima tie.
    public var hits: [Double]
    /// Intersection over union between heatmap and silhouette at each threshold, the mean over visible subjects; empty
    /// if every subject is hidden.
    public var overlaps: [Double]

    package init(scale: Float, layers: Layers, hits: [Double], overlaps: [Double]) {
      (self.scale, self.layers, self.hits, self.overlaps) = (scale, layers, hits, overlaps)
    }
  }

  public var scene: Int
  /// The fraction of the image that each subject's silhouette covers.
  public var areas: [Double]
  /// Results for γ = 0 and, with an adapter, γ = 1, for every choice of layers.
  public var pointing: [Pointing]

  package init(scene: Int, areas: [Double], pointing: [Pointing]) {
    (self.scene, self.areas, self.pointing) = (scene, areas, pointing)
  }

  /// The result for this γ and choice of layers; nil if it was not measured.
  public func pointing(scale: Float, _ layers: Layers = .all(.uniform)) -> Pointing? {
    pointing.first { $0.scale == scale && $0.layers == layers }
  }
}

extension [AttentionRow] {
  /// The mean overlap over scenes at each threshold, for the maps of all layers with uniform weights. Thresholds rise
  /// from 0 to 1 in equal steps. Empty if this γ was not measured.
  public func overlaps(scale: Float) -> [Double] {
    let curves = compactMap { $0.pointing(scale: scale)?.overlaps }.filter { !$0.isEmpty }
    return (curves.first ?? []).indices.map { index in curves.reduce(0) { $0 + $1[index] } / Double(curves.count) }
  }

  /// The heights of layers that were measured separately, highest first.
  var heights: [Int] {
    Set(flatMap(\.pointing).compactMap { if case .height(let height) = $0.layers { height } else { nil } })
      .sorted(by: >)
  }
}
