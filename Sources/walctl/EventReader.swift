import WalPlatform

/// How events are told apart in the input.
enum Framing {
    /// Each line is an event, without its newline; so are bytes behind the last newline.
    case lines
    /// Each event comes behind its length, four bytes with the lowest first.
    case lengthPrefixed
}

/// Cuts a byte stream into events, lending each from one large buffer that grows to hold the longest one allowed.
struct EventReader: ~Copyable {
    enum Failure: Error {
        case read(ProcessStream.Failure)
        case truncatedEvent(missing: Int)
        /// The event that comes next is longer than allowed. Its length, if the input says so.
        case tooLong(length: Int?)
    }

    /// Where an event begins in the stream: its number, from 1, and its byte offset.
    struct Place {
        var number: UInt64 = 0
        var offset: UInt64 = 0
    }

    // Owned by this value alone. [start, end) was read and not yet handed out; a line is known not to end in [start, searched).
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var searched = 0
    private var atEnd = false
    /// The offset in the stream of the buffer's first byte.
    private var base: UInt64 = 0
    /// How many events were handed out.
    private var count: UInt64 = 0
    private let stream: ProcessStream
    private let framing: Framing
    private let longest: Int

    /// - Parameter longest: the most bytes an event may have; no more than these and the first buffer are kept in memory.
    init(_ stream: ProcessStream, framing: Framing, longest: Int, capacity: Int = 1 << 20) {
        self.stream = stream
        self.framing = framing
        self.longest = longest
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    /// The event handed out last; behind a failure the one that could not be.
    private(set) var place = Place()

    deinit {
        buffer.deallocate()
    }

    /// The next event, valid until the next call, or nil at the end; also nil if `refill` says not to go on.
    ///
    /// - Parameter refill: called before each read.
    mutating func next(refill: () throws -> Bool) throws -> UnsafeRawBufferPointer? {
        place = Place(number: count + 1, offset: base + UInt64(start))
        while true {
            if let event = try take() ?? (atEnd ? takeLast() : nil) {
                count += 1
                return event
            }
            if atEnd { return nil }
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
                if end - start > longest { throw Failure.tooLong(length: nil) }
                return nil
            }
            if newline - start > longest { throw Failure.tooLong(length: newline - start) }
            defer { (start, searched) = (newline + 1, newline + 1) }
            return UnsafeRawBufferPointer(rebasing: bytes[start..<newline])
        case .lengthPrefixed:
            guard let length else { return nil }
            // Before memory is taken for what it claims.
            if length > longest { throw Failure.tooLong(length: Int(clamping: length)) }
            let size = 4 + Int(length)
            guard end - start >= size else { return nil }
            defer { start += size }
            return UnsafeRawBufferPointer(rebasing: buffer[start + 4..<start + size])
        }
    }

    /// The length in front of the next event, once that was read.
    private var length: UInt32? {
        guard end - start >= 4 else { return nil }
        return UInt32(
            littleEndian: UnsafeRawBufferPointer(buffer).loadUnaligned(fromByteOffset: start, as: UInt32.self))
    }

    private mutating func takeLast() throws -> UnsafeRawBufferPointer? {
        guard start < end else { return nil }
        switch framing {
        case .lines:
            defer { start = end }
            return UnsafeRawBufferPointer(rebasing: buffer[start..<end])
        case .lengthPrefixed: throw Failure.truncatedEvent(missing: 4 + Int(length ?? 0) - (end - start))
        }
    }

    private mutating func fill() throws {
        if start > 0 {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
            buffer.copyMemory(from: rest)
            base += UInt64(start)
            (start, end, searched) = (0, end - start, searched - min(start, searched))
        }
        // Grown only when full of one event: memory follows what really came, not what a length field claims. That event is
        // not too long yet, so there is something to grow by: its line end or its length also needs room.
        if end == buffer.count {
            let size = max(min(buffer.count * 2, longest + 4), buffer.count + 1)
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
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
