import SegmentStore
import Synchronization
import WalSimulation

/// A small log on a simulated disk, and what is in it. The same bytes in every run.
struct SampleLog: Sendable {
    static let directory = "/log"
    static let segmentSize: UInt64 = 16 << 10

    let disk: SimulatedDisk
    let events: [UInt64: [UInt8]]

    static func path(_ name: String) -> String { directory + "/" + name }

    static func options(_ change: (inout StoreOptions) -> Void = { _ in }) -> StoreOptions {
        var options = StoreOptions()
        options.segmentSize = segmentSize
        options.indexSpacing = 4096
        change(&options)
        return options
    }

    static func open(_ disk: SimulatedDisk, seed: UInt64 = 1, _ options: StoreOptions) throws -> LogStore {
        try LogStore.open(directory, options: options, environment: environment(disk, seed: seed))
    }

    static func environment(_ disk: SimulatedDisk, seed: UInt64 = 1) -> StoreEnvironment {
        let random = Mutex(SeededGenerator(seed: seed))
        let time = Mutex<Int64>(1_000_000)
        return StoreEnvironment(
            storage: disk.backend,
            now: {
                time.withLock { time in
                    time += 1000
                    return time
                }
            },
            random: { random.withLock { $0.next() } })
    }

    /// Appends events as one group.
    static func append(_ events: [[UInt8]], to store: LogStore) throws {
        let capacity = events.reduce(256) { $0 + $1.count + 80 }
        let block = StagingBlock(capacity: capacity, largestBody: store.largestUnit)
        var lsn = store.writtenLSN
        for event in events {
            // What it writes is refused then, as the queue refuses it before.
            lsn &+= 1
            let fits = event.withUnsafeBytes { block.append($0, lsn: lsn) }
            try Violation.unless(fits, "an event of \(event.count) bytes didn't fit its block")
        }
        block.closeFrame()
        try store.write(block)
    }

    static func event(_ lsn: UInt64, size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: ($0 & 0x1F) &* 31 &+ Int(truncatingIfNeeded: lsn) &* 17) }
    }

    /// How the process that wrote it ended.
    enum Ending: CaseIterable { case closed, synced, unsynced }

    /// Three segments, of which two are sealed, and a checkpoint; the sealed ones compressed on request.
    init(ending: Ending = .synced, isCompressed: Bool = false) throws {
        disk = SimulatedDisk()
        let store = try Self.open(disk, Self.options())
        var events: [UInt64: [UInt8]] = [:]
        for segment in 0..<3 {
            if segment > 0 {
                _ = try store.rotate()
                while try store.performMaintenance() {}
            }
            for size in [3, 700, 40, 5000, 0, 300] {
                let lsn = store.writtenLSN + 1
                let event = Self.event(lsn, size: size)
                try Self.append([event], to: store)
                events[lsn] = event
            }
        }
        _ = try store.sync()
        try store.setCheckpoint("a", at: try store.position(of: 2), state: [1, 2, 3])
        if isCompressed {
            let settings = Compression.zstd(level: 1, blockSize: 4096, dictionarySize: 0)
            var pass = try store.beginCompression(settings)
            while try store.continueCompression(&pass) {}
            _ = try store.endCompression(pass)
        }
        if ending == .unsynced {
            let lsn = store.writtenLSN + 1
            events[lsn] = Self.event(lsn, size: 100)
            try Self.append([events[lsn] ?? []], to: store)
        }
        if ending == .closed { try store.closeCleanly() } else { try store.abandon() }
        self.events = events
    }

    /// The samples there are, made once.
    static let all: [SampleLog] = {
        let kinds: [(Ending, Bool)] = [
            (.closed, false), (.synced, false), (.unsynced, false), (.closed, true), (.synced, true),
        ]
        return kinds.compactMap { try? SampleLog(ending: $0.0, isCompressed: $0.1) }
    }()

    static subscript(number: Int) -> SampleLog {
        get throws {
            guard all.count == 5 else { throw Violation("a sample could not be made") }
            return all[number % all.count]
        }
    }
}
