import MSDiffusionKit
import Testing

@Suite struct TextAttentionSizeTests {
  /// The paper's loss on text attention trains "about 70 % more parameters": keys and values of text cross-attention.
  @Test func keysAndValuesAreThreeQuartersOfTheAdapter() throws {
    let parts = try RandomCheckpoint.publishedParts()
    let unet = try #require(parts.first { $0.name == "unet" })
    let adapter = try #require(parts.first { $0.file == "ms_adapter.safetensors" })
    func fraction(_ trained: TrainedTextAttention) -> Double {
      let weights = unet.shapes.filter { trained.contains($0.key) }.values
      return Double(weights.reduce(0) { $0 + $1.reduce(1, *) }) / Double(adapter.parameterCount)
    }
    #expect(abs(fraction(.keysAndValues) - 0.74) < 0.005)
    #expect(abs(fraction(.all) - 1.185) < 0.005)
  }
}
