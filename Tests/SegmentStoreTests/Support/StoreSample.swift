import SegmentStore
import WalSimulation

/// A small log on a simulated disk, and what is in it.
struct StoreSample {
    static let directory = StoreHarness.directory
    let disk: SimulatedDisk
    var events: [UInt64: [UInt8]] = [:]
    /// Base of every segment, in order.
    var bases: [UInt64] = []
    /// Of the newest event that was acknowledged as durable.
    var durableLSN: UInt64 = 0

    static func path(_ name: String) -> String { directory + "/" + name }
    static func path(base: UInt64) -> String { path(FileNames.segment(base: base)) }

    /// Byte `i` is `31 i + 17 number + 1`.
    static func event(_ number: UInt64, size: Int) -> [UInt8] {
        // Where that is in the table: 223 is the inverse of 31 modulo 256.
        let start = Int((number &* 17 &+ 1) &* 223 & 255)
        guard start + size <= table.count else { return (0..<size).map { byte(start + $0) } }
        return Array(table[start..<start + size])
    }

    private static func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: index &* 31) }

    /// Copied from, since a sanitizer makes a loop over bytes a hundred times slower.
    private static let table = (0..<1 << 16).map { byte($0) }

    /// How the life that made the sample ends.
    enum Ending { case closed, synced, unsynced }

    /// Makes a log of `segments` segments with a few events of `size` bytes each; all but the last one are sealed, if
    /// `seals`.
    init(segments: Int, eventsEach: Int = 3, size: Int = 700, seals: Bool = true, ending: Ending) throws {
        disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        for number in 0..<segments {
            if number > 0 {
                _ = try log.store.rotate()
                if seals { try log.maintain() }
            }
            bases.append(log.store.writtenLSN + 1)
            for _ in 0..<eventsEach {
                let lsn = log.store.writtenLSN + 1
                let event = Self.event(lsn, size: size)
                try log.append([event])
                events[lsn] = event
            }
        }
        if ending != .unsynced { try log.store.sync() }
        durableLSN = log.store.durableLSN
        if ending == .closed { try log.store.closeCleanly() } else { try log.store.abandon() }
    }

    /// A copy of the disk with damage done to it.
    func disk(_ damage: (SimulatedDisk) throws -> Void) rethrows -> SimulatedDisk {
        let copy = SimulatedDisk(startingFrom: disk)
        try damage(copy)
        return copy
    }

    /// A copy of the disk without a file.
    func without(_ path: String) throws -> SimulatedDisk {
        try disk { try $0.backend.unlink(path) }
    }

    func bytes(_ path: String) -> [UInt8] { disk.contents(of: path) ?? [] }

    /// Opens a log on a disk, with options of its own.
    static func open(
        _ disk: SimulatedDisk, seed: UInt64 = 99, _ change: (inout StoreOptions) -> Void = { _ in }
    ) throws -> StoreHarness {
        var options = StoreHarness.smallSegments
        change(&options)
        return try StoreHarness(disk, options: options, seed: seed)
    }

    /// The error of a failed open; nil if it succeeds.
    static func failureOfOpen(
        _ disk: SimulatedDisk, _ change: (inout StoreOptions) -> Void = { _ in }
    ) -> WalError? {
        do {
            try open(disk, change).store.abandon()
            return nil
        } catch {
            return error as? WalError
        }
    }
}

/// What a reader was given before an error ended it.
struct ReadOutcome {
    var events: [UInt64: [UInt8]] = [:]
    var error: WalError?

    init(_ store: LogStore, from: UInt64 = 0, access: ReadAccess? = nil) {
        do throws(WalError) {
            var cursor = try store.cursor(from: from, through: .max, access: access)
            while let view = try cursor.next() { events[view.lsn] = Array(view.payload) }
        } catch {
            self.error = error
        }
    }
}
