import MSDiffusionKit
import Testing

@Suite struct TextAttentionSizeTests {
  /// With the loss on text attention the paper trains "about 70 % more parameters": keys and values of text attention.
  @Test func keysAndValuesAreThreeQuartersOfTheAdapter() throws {
    let parts = try RandomCheckpoint.publishedParts()
    let unet = try #require(parts.first { $0.part == .unet })
    let adapter = try #require(parts.first { $0.part == .adapter })
    func fraction(_ trained: TrainedTextAttention) -> Double {
      let counts = unet.shapes.filter { trained.contains($0.key) }.values.map { $0.reduce(1, *) }
      return Double(counts.reduce(0, +)) / Double(adapter.parameterCount)
    }
    #expect(abs(fraction(.keysAndValues) - 0.74) < 0.005)
    #expect(abs(fraction(.all) - 1.185) < 0.005)
  }
}
