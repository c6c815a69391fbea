import CFloor
import Wal

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

/// What one run of one contestant took.
struct Measurement {
    var seconds: Double
    var events: Int

    var nanosecondsPerEvent: Double { seconds * 1e9 / Double(events) }
}

enum BenchmarkError: Error {
    case wrongContents(String)
    case floor(String)
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(body)
    let (seconds, attoseconds) = duration.components
    return Double(seconds) + Double(attoseconds) / 1e18
}
