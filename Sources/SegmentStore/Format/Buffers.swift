/// Calls `body` with the memory of up to three spans, valid during the call only.
@inlinable
package func withBuffers<Result, Failure: Error>(
    _ first: RawSpan, _ second: RawSpan?, _ third: RawSpan?,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws(Failure) -> Result
) throws(Failure) -> Result {
    try first.withUnsafeBytes { (first) throws(Failure) in
        try withOptionalBuffer(second) { (second) throws(Failure) in
            try withOptionalBuffer(third) { (third) throws(Failure) in
                try body(first, second, third)
            }
        }
    }
}

/// Calls `body` with the memory of a span, or with nil if there is none.
@inlinable
package func withOptionalBuffer<Result, Failure: Error>(
    _ span: RawSpan?, _ body: (UnsafeRawBufferPointer?) throws(Failure) -> Result
) throws(Failure) -> Result {
    if let span {
        try span.withUnsafeBytes { (buffer) throws(Failure) in try body(buffer) }
    } else {
        try body(nil)
    }
}
