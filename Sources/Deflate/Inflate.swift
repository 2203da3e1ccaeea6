internal import CZlib

/// What surrounds deflated data (RFC 1951).
package enum DeflateFormat: Int32, Sendable {
  // The numbers are those of zlib's parameter windowBits.
  /// Nothing, as in zip archives.
  case raw = -15
  /// A header and a checksum (RFC 1950), as in PNG files.
  case zlib = 15
}

/// Decompresses deflated data.
/// - Parameters:
///   - count: the number of bytes after decompression.
///   - mayGoOn: whether to return the first `count` bytes even if the data holds more, or is damaged after them.
/// - Returns: `count` bytes; nil if the data is damaged or empty, or if it holds fewer bytes or, unless `mayGoOn` is
///   true, more.
package func inflated(
  _ data: UnsafeRawBufferPointer, _ format: DeflateFormat, count: Int, mayGoOn: Bool = false
) -> [UInt8]? {
  // Deflate makes data at most 1032 times smaller. If `count` is greater than that allows, no memory is allocated.
  guard count >= 0, count / 1032 <= data.count, let input = data.baseAddress else { return nil }
  var stream = z_stream()
  guard inflateInit2_(&stream, format.rawValue, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
    return nil
  }
  defer { inflateEnd(&stream) }
  // zlib counts in 32 bits, so longer data is passed in pieces.
  let most = Int(UInt32.max / 2)
  var (taken, status) = (0, Z_OK)
  let limit = mayGoOn ? count : count + 1
  let result = [UInt8](unsafeUninitializedCapacity: limit) { output, filled in
    while status == Z_OK, filled < limit {
      let (given, room) = (min(data.count - taken, most), min(limit - filled, most))
      stream.next_in = UnsafeMutablePointer(mutating: input.advanced(by: taken).assumingMemoryBound(to: UInt8.self))
      stream.next_out = output.baseAddress?.advanced(by: filled)
      (stream.avail_in, stream.avail_out) = (UInt32(given), UInt32(room))
      status = inflate(&stream, Z_NO_FLUSH)
      taken += given - Int(stream.avail_in)
      filled += room - Int(stream.avail_out)
    }
  }
  return result.count == count && (mayGoOn || status == Z_STREAM_END) ? result : nil
}
