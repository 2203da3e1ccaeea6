import Testing

/// Whether tests run at full speed: whole models take fifty times as long in a debug build.
package let isOptimised: Bool = {
  #if DEBUG
    false
  #else
    true
  #endif
}()

extension Trait where Self == ConditionTrait {
  /// Runs the test in release builds only; other builds report that it was skipped.
  package static var longNumeric: Self { .enabled(if: isOptimised, "long numeric case: run 'swift test -c release'") }
}
