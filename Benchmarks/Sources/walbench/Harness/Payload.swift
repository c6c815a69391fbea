/// The bytes of the events: JSON-like, the number of the event in the first eight bytes so that order can be checked.
struct Payload {
    let size: Int
    private var bytes: [UInt8]

    init(size: Int) {
        self.size = size
        let text =
            #"________{"type":"order.placed","customer":48213,"item":"SKU-10442","quantity":3,"cents":125990,"currency":"EUR","at":"#
        var bytes = [UInt8]()
        while bytes.count < size { bytes += Array(text.utf8) }
        self.bytes = Array(bytes.prefix(size))
    }

    /// The payload of one event; the buffer is reused for the next.
    @inline(__always)
    mutating func with<R>(_ number: UInt64, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: number, as: UInt64.self)
            return try body(UnsafeRawBufferPointer(buffer))
        }
    }
}

/// The number in an event's first bytes.
@inline(__always)
func number(of payload: UnsafeRawBufferPointer) -> UInt64 {
    payload.loadUnaligned(as: UInt64.self)
}

/// The same of bytes that came from elsewhere and may be too few.
@inline(__always)
func firstWord(_ payload: UnsafeRawBufferPointer) throws -> UInt64 {
    guard payload.count >= 8 else { throw BenchmarkError.wrongContents("an event of \(payload.count) bytes") }
    return number(of: payload)
}

/// Checks that every event of every thread is there once, in the order of its thread.
struct ContentsCheck {
    private var next: [UInt64]
    private let share: UInt64
    private let size: Int
    private(set) var count: UInt64 = 0
    private(set) var failure: String?

    /// - Parameters:
    ///   - threads: thread t appended the numbers t × `share` and up.
    ///   - share: how many at most.
    init(threads: Int, share: Int, size: Int) {
        next = (0..<threads).map { UInt64($0 * share) }
        self.share = UInt64(share)
        self.size = size
    }

    @inline(__always)
    mutating func see(_ payload: UnsafeRawBufferPointer) {
        let number = payload.loadUnaligned(as: UInt64.self)
        let thread = Int(number / share)
        if payload.count == size, thread < next.count, next[thread] == number {
            next[thread] = number + 1
            count += 1
        } else if failure == nil {
            failure = "event \(count) is number \(number), \(payload.count) bytes long"
        }
    }

    func end(expected: Int) throws {
        if let failure { throw BenchmarkError.wrongContents(failure) }
        guard count == UInt64(expected) else {
            throw BenchmarkError.wrongContents("\(count) events of \(expected)")
        }
    }
}
