/// Tells a shutdown that it was called by a consumer of the log, which can't save its last checkpoint before it has returned.
enum ConsumerScope {
    /// The logs whose events are being consumed by the task or thread; nested where one consumer runs another.
    @TaskLocal private static var logs: [ObjectIdentifier] = []

    static func isInside(_ core: LogCore) -> Bool { logs.contains(ObjectIdentifier(core)) }

    /// Runs a consumer's loop: all that is called in it is called by its closures.
    static func run<Result>(_ core: LogCore, _ body: () throws -> Result) throws -> Result {
        try $logs.withValue(logs + [ObjectIdentifier(core)], operation: body)
    }

    /// The same for one that suspends.
    static func run<Result>(
        _ core: LogCore, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async throws -> Result {
        try await $logs.withValue(logs + [ObjectIdentifier(core)], operation: body, isolation: isolation)
    }
}
