import CKernels
import Testing

/// Memory that waits for the next tensor of about its size. Other tests allocate at the same time, so that only what must
/// hold whoever else allocates is tested.
@Suite struct MemoryTests {
  @Test(arguments: [0, 1, 100, 16_383, 16_384, 100_000, 5 << 20, 9 << 20])
  func blocksAreAlignedAndDoNotOverlap(bytes: Int64) throws {
    var blocks: [UnsafeMutableRawPointer] = []
    for value in 1...4 {
      let block = try #require(msd_allocate(bytes))
      #expect(Int(bitPattern: block) % 64 == 0)
      block.initializeMemory(as: UInt8.self, repeating: UInt8(value), count: Int(bytes))
      blocks.append(block)
    }
    for (index, block) in blocks.enumerated() {
      let contents = UnsafeRawBufferPointer(start: block, count: Int(bytes))
      #expect(contents.allSatisfy { $0 == UInt8(index + 1) })
      msd_release(block, bytes)
    }
  }

  @Test func releasedBlocksWaitForTheNextRequest() throws {
    // A size that nothing else asks for.
    let bytes: Int64 = 3_333_333
    let first = try #require(msd_allocate(bytes))
    msd_release(first, bytes)
    let second = try #require(msd_allocate(bytes - 1000))
    #expect(second == first)
    msd_release(second, bytes - 1000)
  }

  @Test func noMoreThanHalfAGibibyteWaits() throws {
    let bytes: Int64 = 60 << 20
    let blocks = try (0..<12).map { _ in try #require(msd_allocate(bytes)) }
    for block in blocks { msd_release(block, bytes) }
    #expect(msd_waiting_bytes() <= 512 << 20)
    let large = try #require(msd_allocate(300 << 20))
    let before = msd_waiting_bytes()
    msd_release(large, 300 << 20)
    #expect(msd_waiting_bytes() < before + 300 << 20)
  }
}
