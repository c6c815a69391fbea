import CFloor
import Foundation

/// The floor, for everything but durable appends.
final class FloorLog: BenchLog, @unchecked Sendable {
    // Sendable: the C code takes a lock of its own for appends; the rest is called by one thread.
    private var handle: OpaquePointer?
    private var index: OpaquePointer?
    private let path: String

    init(_ path: String, _ purpose: OpenFor, _ contestant: Contestant) throws {
        self.path = path
        if purpose.isReading { return }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let preparation: Int32 =
            switch contestant {
            case .floorPrewritten: 2
            case .floorAllocated: 1
            default: 0
            }
        handle = floor_open(path, UInt64(purpose.segmentSize), preparation)
        guard let handle, floor_prepare(handle, UInt64(purpose.bytes)) == 0 else {
            throw BenchmarkError.engine("the floor can't be opened at \(path)")
        }
    }

    private func check(_ result: Int32) throws {
        guard result == 0 else { throw BenchmarkError.engine("the floor can't write") }
    }

    @inline(__always)
    func append(_ payload: UnsafeRawBufferPointer) throws {
        try check(floor_append(handle, payload.baseAddress, UInt32(payload.count)))
    }

    func appendBatch(_ payloads: UnsafeRawBufferPointer, size: Int) throws {
        let bytes = payloads.assumingMemoryBound(to: UInt8.self)
        try check(floor_append_batch(handle, bytes.baseAddress, UInt32(payloads.count / size), UInt32(size)))
    }

    func flush() throws { try check(floor_flush(handle)) }

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try visit(body) { floor_visit(path, $0, $1) }
    }

    func find(_ number: UInt64) throws -> UInt64 {
        if index == nil { index = floor_index_open(path) }
        var word: UInt64 = 0
        guard let index, floor_index_find(index, number, &word) == 0 else {
            throw BenchmarkError.wrongContents("the floor has no event \(number)")
        }
        return word
    }

    func close() throws {
        if let index { floor_index_close(index) }
        index = nil
        if let handle {
            self.handle = nil
            try check(floor_close(handle))
        }
    }
}

/// The floor of durable appends.
final class FloorCommitLog: BenchLog, @unchecked Sendable {
    // Sendable: the C code takes a lock of its own for appends; the rest is called by one thread.
    private let handle: OpaquePointer
    private let path: String

    init(_ path: String, _ purpose: OpenFor) throws {
        self.path = path
        guard let handle = floor_commit_open(path, UInt64(purpose.segmentSize)) else {
            throw BenchmarkError.engine("the floor can't be opened at \(path)")
        }
        self.handle = handle
    }

    func append(_ payload: UnsafeRawBufferPointer) throws { try appendDurably(payload) }

    @inline(__always)
    func appendDurably(_ payload: UnsafeRawBufferPointer) throws {
        guard floor_commit_append(handle, payload.baseAddress, UInt32(payload.count)) == 0 else {
            throw BenchmarkError.engine("the floor can't write")
        }
    }

    func flush() throws {}

    func replay(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try visit(body) { floor_commit_visit(path, $0, $1) }
    }

    func close() throws { floor_commit_close(handle) }
}

/// Lends a closure to a C function that calls back for each record.
private func visit(
    _ body: (UnsafeRawBufferPointer) throws -> Void, _ call: (@escaping floor_visitor, UnsafeMutableRawPointer) -> Int64
) throws {
    try withoutActuallyEscaping(body) { body in
        let visit = Visit(body)
        let count = call(
            { context, bytes, count in
                guard let context else { return -1 }
                let visit = Unmanaged<Visit>.fromOpaque(context).takeUnretainedValue()
                do {
                    try visit.body(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
                    return 0
                } catch {
                    visit.error = error
                    return -1
                }
            }, Unmanaged.passUnretained(visit).toOpaque())
        if let error = visit.error { throw error }
        guard count >= 0 else { throw BenchmarkError.wrongContents("the floor's files are damaged") }
        visit.body = { _ in }
    }
}

private final class Visit {
    var body: (UnsafeRawBufferPointer) throws -> Void
    var error: (any Error)?

    init(_ body: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.body = body }
}
