import WalPlatform

/// Standard output through one large buffer: one write call per mebibyte.
struct OutputBuffer: ~Copyable {
    // Owned by this value alone; `used` bytes of it are waiting to be written.
    private let memory: UnsafeMutableRawBufferPointer
    private var used = 0
    private let stream: ProcessStream

    init(_ stream: ProcessStream = .output, capacity: Int = 1 << 20) {
        self.stream = stream
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        memory.deallocate()
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(ProcessStream.Failure) {
        if bytes.count > memory.count - used {
            try flush()
            if bytes.count >= memory.count { return try stream.write(bytes) }
        }
        UnsafeMutableRawBufferPointer(rebasing: memory[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    mutating func append(_ byte: UInt8) throws(ProcessStream.Failure) {
        if used == memory.count { try flush() }
        memory[used] = byte
        used += 1
    }

    mutating func append(_ bytes: [UInt8]) throws(ProcessStream.Failure) {
        for byte in bytes { try append(byte) }
    }

    mutating func append(_ text: String) throws(ProcessStream.Failure) {
        for byte in text.utf8 { try append(byte) }
    }

    mutating func append(_ text: StaticString) throws(ProcessStream.Failure) {
        guard text.hasPointerRepresentation else { return try append(text.description) }
        try append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func appendDecimal(_ number: UInt64) throws(ProcessStream.Failure) {
        if number >= 10 { try appendDecimal(number / 10) }
        try append(UInt8(truncatingIfNeeded: number % 10) &+ 48)
    }

    /// Writes what is waiting.
    mutating func flush() throws(ProcessStream.Failure) {
        let waiting = UnsafeRawBufferPointer(rebasing: memory[..<used])
        used = 0
        try stream.write(waiting)
    }
}

/// Writes text to standard output at once.
func printOutput(_ text: String) throws {
    var output = OutputBuffer(capacity: 1 << 16)
    try output.append(text)
    try output.append(UInt8(ascii: "\n"))
    try output.flush()
}
