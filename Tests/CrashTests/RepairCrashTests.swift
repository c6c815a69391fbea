import SegmentStore
import Testing
import WalSimulation

/// Point-in-time repair of damaged durable data, with a power cut at every point of it and of the repair of the repair.
@Suite("Crashes during repair")
struct RepairCrashTests {
    enum Damage: String, Sendable, CaseIterable {
        case firstFrame, middleFrame, lastFrame, firstHeader, superblock
        case frontMissing, missingKeepOlder, missingKeepNewer, middleFrameKeepNewer, allMissing

        /// The base of a segment that is missing.
        var missing: [UInt64] {
            switch self {
            case .frontMissing: [1]
            case .missingKeepOlder, .missingKeepNewer: [11]
            case .allMissing: [1, 11, 21]
            default: []
            }
        }

        var keep: RecoveryKeep? {
            switch self {
            case .missingKeepOlder: .older
            case .missingKeepNewer, .middleFrameKeepNewer: .newer
            default: nil
            }
        }
    }

    /// What was truncated away lies below the superblock's watermark, where opening looks at no frame.
    static let cases: [(Damage, truncated: Bool)] = Damage.allCases.flatMap { damage in
        (damage == .firstFrame ? [false] : [false, true]).map { (damage, $0) }
    }

    /// A damaged log, what must be left of it after a repair, and the bytes that must not be lost.
    struct Scene {
        var disk: SimulatedDisk
        var marks: [TraceMark]
        var keep: RecoveryKeep?
        var first: UInt64
        /// The last event that a repair keeps.
        var last: UInt64
        /// Runs of bytes cut off, which quarantine or log must still hold.
        var cutOff: [[UInt8]]
    }

    static var options: StoreOptions {
        var options = Workload(sizes: .fixed).options
        options.recovery = .pointInTime
        return options
    }

    private static func open(
        _ disk: SimulatedDisk, keep: RecoveryKeep? = nil, seed: UInt64, flaws: StoreFlaws
    ) throws -> LogStore {
        var options = options
        options.keep = keep
        return try LogStore.open(
            logDirectory, options: options, environment: testEnvironment(disk.backend, seed: seed, flaws: flaws))
    }

    /// Three segments of ten events; the first two events truncated away if asked for. Those of the first segment are
    /// durable one by one, which only frames and headers say; the others are settled only where one is to be missing.
    private static func scene(_ damage: Damage, truncated: Bool) throws -> Scene {
        let disk = SimulatedDisk()
        let store = try open(disk, seed: 1, flaws: [])
        for lsn in UInt64(1)...30 {
            let block = StagingBlock(capacity: 4096)
            let bytes = EventPayload(life: 1, lsn: lsn, sizes: .fixed).bytes
            _ = bytes.withUnsafeBytes { block.append($0, lsn: lsn) }
            block.closeFrame()
            try store.write(block)
            if lsn <= 10 { try store.sync() }
            if truncated, lsn == 4 { try store.truncate(before: 3) }
            if lsn % 10 == 0, lsn < 30 { _ = try store.rotate() }
        }
        if !damage.missing.isEmpty { while try store.performMaintenance() {} }
        try store.abandon()
        let payload = EventPayload(life: 1, lsn: 1, sizes: .fixed).size
        let frame = Layout.frameSize(bodyLength: Record.plainSize(payload: payload))
        func path(_ base: UInt64) -> String { logDirectory + "/" + FileNames.segment(base: base) }
        func offset(_ lsn: UInt64) -> Int { Layout.blockSize + Int((lsn - 1) % 10) * frame }
        func flip(_ base: UInt64, _ offset: Int) { disk.corrupt(path(base), at: offset, xor: 0x10) }
        /// The segment that is damaged, the last event kept in front of the damage, and the first one behind it, where that
        /// is what is kept.
        var damaged: (base: UInt64, last: UInt64)
        var newFirst: UInt64?
        switch damage {
        case .firstFrame:
            flip(1, offset(1) + 100)
            damaged = (1, 0)
            newFirst = 11
        case .middleFrameKeepNewer:
            flip(1, offset(7) + 200)
            damaged = (1, 6)
            newFirst = 11
        case .middleFrame:
            flip(1, offset(7) + 200)
            damaged = (1, 6)
        case .lastFrame:
            flip(1, offset(10) + 20)
            damaged = (1, 9)
        case .firstHeader:
            flip(1, 60)
            damaged = (1, 0)
            newFirst = 11
        case .superblock:
            disk.corrupt(logDirectory + "/" + FileNames.superblock, at: 60, xor: 1)
            disk.corrupt(logDirectory + "/" + FileNames.superblock, at: 60 + Layout.blockSize, xor: 1)
            damaged = (31, 30)
        case .frontMissing:
            damaged = (1, 0)
            newFirst = 11
        case .missingKeepOlder:
            damaged = (11, 10)
        case .missingKeepNewer:
            damaged = (11, 10)
            newFirst = 21
        case .allMissing:
            damaged = (1, 0)
            newFirst = 31
        }
        for base in damage.missing {
            try disk.backend.unlink(path(base))
            try disk.backend.syncDirectory(logDirectory)
        }
        var cutOff: [[UInt8]] = []
        for base in [UInt64(1), 11, 21] {
            // Either what lies behind the damage goes, or what lies in front of it.
            guard newFirst.map({ base < $0 }) ?? (base + 9 > damaged.last) else { continue }
            guard let bytes = disk.contents(of: path(base)) else { continue }
            // The bytes of the frames cut off; of the file, whose tail is zeros or footer, nothing else is of value.
            let isCut = newFirst == nil && base == damaged.base && damaged.last >= base
            let from = isCut ? offset(damaged.last + 1) : 0
            cutOff.append(Array(bytes[from..<Layout.blockSize + 10 * frame]))
        }
        // The superblock knew of the truncation; what the segments hold is all that is known without it.
        let first = newFirst ?? (truncated && damage != .superblock ? 3 : 1)
        let last = newFirst == nil ? max(damaged.last, first - 1) : 30
        let marks: [TraceMark] = [.lifeBegan(at: 1), .submit(30), .allowTruncation(first)]
        return Scene(
            disk: disk.crash(.keepAll), marks: marks, keep: damage.keep, first: first, last: last, cutOff: cutOff)
    }

    /// After any crash a repair ends with all before the damage, and with nothing thrown away.
    private static func check(_ disk: SimulatedDisk, _ scene: Scene, flaws: StoreFlaws) throws {
        let store: LogStore
        do { store = try open(disk, keep: scene.keep, seed: 77, flaws: flaws) } catch {
            throw Violation("repair failed: \(error)")
        }
        guard store.firstLSN == scene.first, store.writtenLSN == scene.last else {
            throw Violation("repair left \(store.firstLSN) to \(store.writtenLSN), not \(scene.first) to \(scene.last)")
        }
        var lsn = scene.first
        do {
            var cursor = try store.cursor(from: 0, through: .max)
            while let view = try cursor.next() {
                guard view.lsn == lsn, EventPayload(life: 1, lsn: lsn, sizes: .fixed).matches(view.payload) else {
                    throw Violation("LSN \(view.lsn) came, or wrong bytes, where \(lsn) was due")
                }
                lsn += 1
            }
            let report = try store.verify(progress: nil)
            if let finding = report.findings.first(where: { $0.kind != .derivable }) {
                throw Violation("verify found \(finding.error)")
            }
        } catch let error as WalError {
            throw Violation("reading \(lsn) failed: \(error)")
        }
        guard lsn == scene.last + 1 else { throw Violation("events end at \(lsn)") }
        let kept = disk.files().compactMap { disk.contents(of: $0) }
        for run in scene.cutOff where !kept.contains(where: { holds($0, run) }) {
            throw Violation("\(run.count) bytes cut off are nowhere: \(disk.files())")
        }
    }

    /// Whether a file holds the bytes, at a multiple of 8.
    private static func holds(_ file: [UInt8], _ run: [UInt8]) -> Bool {
        guard file.count >= run.count else { return false }
        return file.withUnsafeBytes { file in
            run.withUnsafeBytes { run in
                stride(from: 0, through: file.count - run.count, by: 8).contains { start in
                    file.loadUnaligned(fromByteOffset: start, as: UInt64.self) == run.load(as: UInt64.self)
                        && UnsafeRawBufferPointer(rebasing: file[start..<start + run.count]).elementsEqual(run)
                }
            }
        }
    }

    /// Explores a repair, and on some of its states the repair that follows.
    private static func explore(
        _ disk: SimulatedDisk, _ scene: Scene, flaws: StoreFlaws, depth: Int, _ states: inout Int
    ) throws {
        disk.startRecording(after: scene.marks)
        do {
            _ = try open(disk, keep: scene.keep, seed: UInt64(10 + depth), flaws: flaws)
        } catch {
            throw Violation("repair failed: \(error)")
        }
        guard let trace = disk.stopRecording() else { throw Violation("nothing was recorded") }
        var seen = 0
        _ = try CrashExplorer(trace, options: .init(statesPerPoint: depth == 0 ? 64 : 8)).explore { state in
            seen += 1
            states += 1
            let copy = depth < 2 && seen % (depth == 0 ? 23 : 41) == 0 ? SimulatedDisk(startingFrom: state.disk) : nil
            try check(state.disk, scene, flaws: flaws)
            if let copy { try explore(copy, scene, flaws: flaws, depth: depth + 1, &states) }
        }
    }

    @Test(arguments: cases)
    func `A repair that is cut short keeps all before the damage and loses no byte`(
        _ damage: Damage, truncated: Bool
    ) throws {
        let scene = try Self.scene(damage, truncated: truncated)
        var states = 0
        try Self.explore(scene.disk, scene, flaws: [], depth: 0, &states)
        print("\(damage), truncated \(truncated): \(states) states")
        // A repair that only moves the log's start forward has few points at which it can be cut short.
        #expect(states > (scene.first > 3 ? 5 : 20))
    }

    @Test(arguments: [StoreFlaws.skipsStatingCut, .quarantinesWithoutSync, .replacesWithoutSync])
    func `A planted bug of the repair is caught`(_ flaw: StoreFlaws) throws {
        var states = 0
        var caught: (any Error)?
        for damage in Damage.allCases where caught == nil {
            let scene = try Self.scene(damage, truncated: false)
            do {
                try Self.explore(scene.disk, scene, flaws: flaw, depth: 0, &states)
            } catch {
                caught = error
            }
        }
        print("flaw \(flaw.rawValue): caught after \(states) states: \(caught.map { "\($0)" } ?? "never")")
        #expect(caught != nil)
    }
}
