/// Runs a body whose operations stay on the calling thread.
func withoutThreads<Result>(_ body: () throws -> Result) rethrows -> Result { try body() }
