import Testing

extension Trait where Self == TimeLimitTrait {
    /// Ends a test that hangs. It says nothing of how fast one is: on a small machine others may hold all processors for long.
    static var hangGuard: Self { .timeLimit(.minutes(10)) }
}
