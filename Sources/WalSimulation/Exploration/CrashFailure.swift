/// A crash state on which the visitor failed, with the text that makes it again.
package struct CrashFailure: Error, CustomStringConvertible {
    package let point: CrashPoint
    package let underlying: any Error
    /// How many states had passed.
    package let statesBefore: Int

    package var description: String {
        "crash state \(point) (after \(statesBefore) good ones): \(underlying)"
    }
}

/// A text that names no crash state of the trace.
package struct UnknownCrashPoint: Error, CustomStringConvertible {
    package let text: String

    package var description: String {
        "\"\(text)\" names no crash state of this trace; a replay needs the trace and options it came from"
    }
}
