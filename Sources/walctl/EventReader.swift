import WalPlatform

/// How events are told apart in the input.
enum Framing {
    /// Each line is an event, without its newline; so are bytes behind the last newline.
    case lines
    /// Each event comes behind its length, four bytes with the lowest first.
    case lengthPrefixed
}

/// Cuts a byte stream into events, lending each from one large buffer that grows to hold the longest.
struct EventReader: ~Copyable {
    enum Failure: Error {
        case read(ProcessStream.Failure)
        case truncatedEvent(missing: Int)
    }

    // Owned by this value alone. [start, end) was read and not yet handed out; a line is known not to end in [start, searched).
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var searched = 0
    private var atEnd = false
    private let stream: ProcessStream
    private let framing: Framing

    init(_ stream: ProcessStream, framing: Framing, capacity: Int = 1 << 20) {
        self.stream = stream
        self.framing = framing
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        buffer.deallocate()
    }

    /// The next event, valid until the next call, or nil at the end; also nil if `refill` says not to go on.
    ///
    /// - Parameter refill: called before each read.
    mutating func next(refill: () throws -> Bool) throws -> UnsafeRawBufferPointer? {
        while true {
            if let event = try take() { return event }
            if atEnd { return try takeLast() }
            guard try refill() else { return nil }
            try fill()
        }
    }

    private mutating func take() throws -> UnsafeRawBufferPointer? {
        switch framing {
        case .lines:
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<end])
            guard let newline = ByteSearch.first(10, in: bytes, from: searched) else {
                searched = end
                return nil
            }
            defer { (start, searched) = (newline + 1, newline + 1) }
            return UnsafeRawBufferPointer(rebasing: bytes[start..<newline])
        case .lengthPrefixed:
            guard end - start >= 4 else { return nil }
            let length = Int(
                UInt32(
                    littleEndian: UnsafeRawBufferPointer(buffer).loadUnaligned(fromByteOffset: start, as: UInt32.self)))
            guard end - start - 4 >= length else { return nil }
            defer { start += 4 + length }
            return UnsafeRawBufferPointer(rebasing: buffer[start + 4..<start + 4 + length])
        }
    }

    private mutating func takeLast() throws -> UnsafeRawBufferPointer? {
        guard start < end else { return nil }
        switch framing {
        case .lines:
            defer { start = end }
            return UnsafeRawBufferPointer(rebasing: buffer[start..<end])
        case .lengthPrefixed:
            var length = 0
            if end - start >= 4 {
                length = Int(
                    UInt32(
                        littleEndian: UnsafeRawBufferPointer(buffer).loadUnaligned(
                            fromByteOffset: start, as: UInt32.self)))
            }
            throw Failure.truncatedEvent(missing: 4 + length - (end - start))
        }
    }

    private mutating func fill() throws {
        if start > 0 {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
            buffer.copyMemory(from: rest)
            (start, end, searched) = (0, end - start, searched - min(start, searched))
        }
        // Doubled only when full of one event: memory follows what really came, not what a length field claims.
        if end == buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
            buffer.deallocate()
            buffer = larger
        }
        do {
            let count = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
            end += count
            atEnd = count == 0
        } catch {
            // The caller looks whether to go on before the next read.
            if !error.isInterruption { throw Failure.read(error) }
        }
    }
}
