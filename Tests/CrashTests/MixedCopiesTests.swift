import SegmentStore
import Testing
import WalSimulation

/// The file LOG from one moment, the segments from another: what a copy of the directory made beside a writer, or a restore of
/// some of its files, leaves.
@Suite("Mixed copies")
struct MixedCopiesTests {
    /// A log at a moment at which all that was written is durable.
    private struct Moment {
        var disk: SimulatedDisk
        var superblock: [UInt8]
        var first: UInt64
        var last: UInt64
        /// Who wrote each event, those that were truncated away included.
        var owners: [UInt64: UInt64]
        var cuts: Int
    }

    private static let superblockPath = logDirectory + "/" + FileNames.superblock

    private static func options(_ seed: UInt64) -> StoreOptions {
        var options = StoreOptions()
        options.segmentSize = 16 << 10
        options.indexSpacing = 4096
        options.preallocation = [Preallocation.growing, .allocated, .prewritten][Int(seed % 3)]
        return options
    }

    private static func open(
        _ disk: SimulatedDisk, _ options: StoreOptions, seed: UInt64
    ) throws(WalError) -> LogStore {
        try LogStore.open(logDirectory, options: options, environment: testEnvironment(disk.backend, seed: seed))
    }

    private static func append(_ store: LogStore, life: UInt64, count: UInt64) throws {
        for _ in 0..<count {
            let block = StagingBlock(capacity: 16 << 10)
            let lsn = store.writtenLSN + 1
            let bytes = EventPayload(life: life, lsn: lsn, sizes: .varying).bytes
            _ = bytes.withUnsafeBytes { block.append($0, lsn: lsn) }
            block.closeFrame()
            try store.write(block)
        }
    }

    /// Moments of a random history; `life` counts the openings and cuts, so that no two events of one LSN are alike.
    private static func moments(seed: UInt64, count: Int) throws -> [Moment] {
        var generator = SeededGenerator(seed: seed)
        let options = options(seed)
        let disk = SimulatedDisk()
        disk.settlesAtOnce = true
        var life: UInt64 = 1
        var cuts = 0
        var owners: [UInt64: UInt64] = [:]
        var store = try open(disk, options, seed: seed)
        var moments: [Moment] = []
        while moments.count < count {
            switch generator.next() % 14 {
            case 0...5:
                let from = store.writtenLSN + 1
                try append(store, life: life, count: generator.next() % 6 + 1)
                for lsn in from...store.writtenLSN { owners[lsn] = life }
            case 6: _ = try store.rotate()
            case 7: while try store.performMaintenance() {}
            case 8: try store.recordWatermark()
            case 9:
                try store.truncate(before: store.firstLSN + generator.next() % (store.writtenLSN + 2 - store.firstLSN))
            case 10 where generator.next() % 2 == 0 && store.writtenLSN > store.firstLSN:
                try store.truncate(after: store.writtenLSN - generator.next() % 6 % (store.writtenLSN - store.firstLSN))
                owners = owners.filter { $0.key <= store.writtenLSN }
                (life, cuts) = (life + 1, cuts + 1)
            default:
                let isClean = generator.next() % 4 != 0
                if isClean {
                    try store.closeCleanly()
                } else {
                    try store.sync()
                    try store.abandon()
                }
                let copy = SimulatedDisk(startingFrom: disk)
                life += 1
                store = try open(disk, options, seed: generator.next())
                moments.append(
                    Moment(
                        disk: copy, superblock: copy.contents(of: superblockPath) ?? [], first: store.firstLSN,
                        last: store.writtenLSN, owners: owners, cuts: cuts))
            }
        }
        return moments
    }

    /// Reads all; every event must be the one its owner wrote.
    private static func read(_ store: LogStore, _ owners: [UInt64: UInt64], _ note: String) -> (UInt64, WalError?) {
        var last = store.firstLSN - 1
        do throws(WalError) {
            var cursor = try store.cursor(from: 0, through: .max)
            while let view = try cursor.next() {
                let owner = owners[view.lsn] ?? 0
                #expect(view.lsn == last + 1, "\(note)")
                #expect(
                    EventPayload(life: owner, lsn: view.lsn, sizes: .varying).matches(view.payload),
                    "\(note): LSN \(view.lsn)")
                last = view.lsn
            }
        } catch {
            return (last, error)
        }
        return (last, nil)
    }

    private static func check(
        _ known: Moment, _ held: Moment, _ options: StoreOptions, _ tally: inout [String: Int], _ note: String
    ) throws {
        let disk = SimulatedDisk(startingFrom: held.disk)
        disk.settlesAtOnce = true
        disk.replaceContents(of: superblockPath, with: known.superblock)
        let before = disk.snapshot()
        var reading = options
        reading.readOnly = true
        let seen = Result { () throws(WalError) in try open(disk, reading, seed: 3) }
        let seenLast = try? seen.get().writtenLSN
        let isFound = (try? seen.get())?.report.contradictions.isEmpty == false
        if case .success(let reader) = seen { try reader.abandon() }
        #expect(disk.snapshot().difference(from: before).isEmpty, "\(note)")
        let store: LogStore
        do throws(WalError) {
            store = try open(disk, options, seed: 4)
        } catch {
            #expect([.corrupted, .missingSegment].contains(error.code), "\(note): \(error)")
            #expect(disk.snapshot().difference(from: before).isEmpty, "\(note): \(error)")
            #expect(seenLast == nil, "\(note): a reader opens what a writer refuses")
            tally["refused", default: 0] += 1
            return
        }
        #expect(seenLast == store.writtenLSN, "\(note): a reader sees something else than a writer")
        var owners = held.owners
        let (last, damage) = read(store, owners, note)
        let isStale = known.superblock != held.superblock && known.last < held.last && known.cuts == held.cuts
        if isStale {
            #expect(damage == nil, "\(note): \(String(describing: damage))")
            if isFound { tally["stale, said so", default: 0] += 1 }
        }
        if damage == nil {
            // Neither hidden nor made up: what is durable is there.
            #expect(last == held.last, "\(note): ends at \(last), not \(held.last)")
        } else {
            #expect(try !store.verify(progress: nil).isIntact, "\(note): \(String(describing: damage))")
        }
        tally[damage == nil ? "whole" : "read up to the damage", default: 0] += 1
        // Nothing is overwritten by what comes next, and no LSN is given out again.
        let next = store.writtenLSN + 1
        #expect(next > held.last, "\(note)")
        try append(store, life: 999, count: 3)
        for lsn in next..<next + 3 { owners[lsn] = 999 }
        try store.closeCleanly()
        let again = try open(disk, options, seed: 5)
        #expect(again.writtenLSN == next + 2, "\(note)")
        #expect(again.report.contradictions.isEmpty, "\(note)")
        if damage == nil {
            let (end, error) = read(again, owners, note)
            #expect(end == next + 2 && error == nil, "\(note): \(String(describing: error))")
        }
        try again.abandon()
    }

    @Test(arguments: UInt64(1)...12)
    func `Whatever LOG is paired with, no durable event is hidden or overwritten, and all say the same`(
        _ number: UInt64
    ) throws {
        let seed = mixedSeed(number, "mixed copies")
        let options = Self.options(seed)
        let moments = try Self.moments(seed: seed, count: 11)
        var tally: [String: Int] = [:]
        for (knownAt, known) in moments.enumerated() {
            for (heldAt, held) in moments.enumerated() {
                try Self.check(known, held, options, &tally, "seed \(seed): LOG of \(knownAt), segments of \(heldAt)")
            }
        }
        print("mixed copies \(number): \(tally)")
        #expect(tally["whole", default: 0] >= moments.count)
    }
}
