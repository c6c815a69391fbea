import SegmentStore
import Wal
import WalSimulation

/// An event of the stress run: who appended it, as the how manyth of its own. The rest of the payload follows from that, so
/// that each can be made anew and compared whole.
struct StressEvent: Hashable, Sendable {
    var life: UInt32
    var thread: UInt32
    var step: UInt64

    private static let headSize = 16

    var payload: [UInt8] {
        var random = SeededGenerator(seed: UInt64(life) << 40 ^ UInt64(thread) << 32 ^ step)
        var bytes = withUnsafeBytes(of: (life, thread, step)) { Array($0) }
        var rest = Int(random.next() % 300)
        while rest > 0 {
            withUnsafeBytes(of: random.next()) { bytes += $0.prefix(rest) }
            rest -= 8
        }
        return bytes
    }

    init(life: UInt32, thread: UInt32, step: UInt64) {
        self.life = life
        self.thread = thread
        self.step = step
    }

    /// Nil if the bytes are not exactly those of an event.
    init?(_ payload: borrowing RawSpan) {
        guard payload.byteCount >= Self.headSize else { return nil }
        life = payload.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)
        thread = payload.unsafeLoadUnaligned(fromByteOffset: 4, as: UInt32.self)
        step = payload.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let isWhole = payload.withUnsafeBytes { bytes in self.payload.elementsEqual(bytes) }
        guard isWhole else { return nil }
    }
}

/// Watches what one reader is given: each event whole, LSNs without a gap, and each thread's own events in the order in which
/// it appended them.
struct StressWatch {
    private struct Source: Hashable {
        var life: UInt32
        var thread: UInt32
    }

    private(set) var last: UInt64?
    private(set) var wrong: String?
    private var steps: [Source: UInt64] = [:]
    private var life: UInt32 = 0

    /// Returns false once something is wrong.
    mutating func take(_ lsn: LSN, _ payload: borrowing RawSpan) -> Bool {
        let lsn = lsn.rawValue
        if let last, lsn != last + 1 { return fail("LSN \(lsn) came behind \(last)") }
        last = lsn
        guard let event = StressEvent(payload) else { return fail("LSN \(lsn) has wrong bytes") }
        if event.life < life { return fail("LSN \(lsn) is of life \(event.life), behind one of life \(life)") }
        life = event.life
        let source = Source(life: event.life, thread: event.thread)
        if let before = steps[source], before >= event.step {
            return fail("LSN \(lsn) is step \(event.step) of thread \(event.thread), behind step \(before)")
        }
        steps[source] = event.step
        return true
    }

    private mutating func fail(_ what: String) -> Bool {
        wrong = wrong ?? what
        return false
    }
}
