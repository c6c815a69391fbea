import SegmentStore
import Testing
import WalSimulation

/// Checkpoints on disk: what is saved is found again, what is damaged is said to be, and nothing else suffers.
@Suite struct CheckpointTests {
    private func code(_ body: () throws -> Void) -> WalError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? WalError)?.code
        }
    }

    /// A log with nine durable events in three segments.
    private func sample() throws -> (disk: SimulatedDisk, log: StoreHarness) {
        let disk = try StoreSample(segments: 3, ending: .closed).disk
        return (disk, try StoreSample.open(disk))
    }

    @Test func `A checkpoint is found as it was saved, also by the next open`() throws {
        let (disk, log) = try sample()
        let states: [String: [UInt8]?] = [
            "none": nil, "empty": [], "some": [1, 2, 3], "x.1_-": Array(repeating: 7, count: 70_000),
        ]
        for (number, name) in states.keys.sorted().enumerated() {
            let state = try #require(states[name])
            try log.store.setCheckpoint(name, at: log.position(of: UInt64(number * 2)), state: state)
        }
        for store in [log.store, nil] {
            let store = try store ?? StoreSample.open(disk, seed: 3).store
            #expect(try store.checkpoints().map(\.name) == states.keys.sorted())
            for (number, info) in try store.checkpoints().enumerated() {
                let state = try #require(states[info.name])
                #expect(info.damage == nil)
                #expect(info.position?.lsn == LSN(UInt64(number * 2)))
                #expect(info.stateBytes == state?.count)
                let read = try store.checkpoint(info.name)
                #expect(read.state == state)
                #expect(read.position == info.position && read.time == info.time)
            }
            try store.closeCleanly()
        }
        #expect(disk.openHandles == 0)
    }

    @Test func `Saving again replaces, removing removes, and what is not there is unknown`() throws {
        let (_, log) = try sample()
        try log.store.setCheckpoint("a", at: log.position(of: 3), state: [1])
        try log.store.setCheckpoint("a", at: log.position(of: 2), state: [2, 2])
        #expect(try log.store.checkpoint("a").state == [2, 2])
        #expect(try log.store.checkpoint("a").position.lsn == 2)
        try log.store.removeCheckpoint("a")
        #expect(code { try log.store.removeCheckpoint("a") } == .unknownCheckpoint)
        #expect(code { _ = try log.store.checkpoint("a") } == .unknownCheckpoint)
        #expect(try log.store.checkpoints().isEmpty)
    }

    @Test(arguments: ["", "A", "a/b", "../x", "a b", "ä", "a\u{0}", String(repeating: "a", count: 101)])
    func `Names outside a to z, digits, dot, underscore and hyphen are refused`(_ name: String) throws {
        let (disk, log) = try sample()
        let before = disk.files()
        #expect(code { try log.store.setCheckpoint(name, at: .start, state: nil) } == .invalidArgument)
        #expect(code { _ = try log.store.checkpoint(name) } == .invalidArgument)
        #expect(code { try log.store.removeCheckpoint(name) } == .invalidArgument)
        #expect(disk.files() == before)
    }

    @Test(arguments: [".", "..", "a.ckpt", "a.ckpt.tmp", "-", String(repeating: "z", count: 100)])
    func `Odd but legal names work`(_ name: String) throws {
        let (_, log) = try sample()
        try log.store.setCheckpoint("a", at: .start, state: nil)
        try log.store.setCheckpoint(name, at: log.position(of: 9), state: [1])
        #expect(try log.store.checkpoint(name).state == [1])
        #expect(try log.store.checkpoints().map(\.name) == ["a", name].sorted())
    }

    @Test func `Only events that are on stable storage and kept can be a checkpoint's`() throws {
        let (_, log) = try sample()
        try log.append([[1]])
        let written = Position(lsn: 10, epoch: log.store.report.epoch, incarnation: 1)
        #expect(code { try log.store.setCheckpoint("a", at: written, state: nil) } == .notYetWritten)
        try log.store.sync()
        try log.store.setCheckpoint("a", at: log.position(of: 10), state: nil)
        let old = try log.position(of: 2)
        let kept = try log.position(of: 3)
        try log.store.truncate(before: 4)
        #expect(code { try log.store.setCheckpoint("b", at: old, state: nil) } == .truncated)
        try log.store.setCheckpoint("b", at: kept, state: nil)
        try log.store.setCheckpoint("c", at: .start, state: nil)
    }

    @Test func `A state that is too large is refused`() throws {
        let (_, log) = try sample()
        let state = [UInt8](repeating: 1, count: Checkpoint.stateBytesMax + 1)
        #expect(code { try log.store.setCheckpoint("a", at: .start, state: state) } == .invalidArgument)
        try log.store.setCheckpoint("a", at: .start, state: Array(state.dropLast()))
        #expect(try log.store.checkpoint("a").state?.count == Checkpoint.stateBytesMax)
    }

    @Test func `Every flipped byte of a checkpoint is noticed, and the log opens all the same`() throws {
        let (disk, log) = try sample()
        try log.store.setCheckpoint("a", at: log.position(of: 9), state: [1, 2, 3, 4, 5])
        try log.store.closeCleanly()
        let path = "/log/checkpoints/a.ckpt"
        for offset in Array(0..<256) + [4000, 4095] + Array(4096..<4101) {
            let copy = SimulatedDisk(startingFrom: disk)
            #expect(copy.corrupt(path, at: offset, xor: 0x10))
            let store = try StoreSample.open(copy).store
            let expected: Set<WalError.Code> = (16..<40).contains(offset) ? [.corrupted] : [.corrupted]
            let found = code { _ = try store.checkpoint("a") }
            #expect(found.map { expected.contains($0) } == true, "offset \(offset): \(String(describing: found))")
            let info = try #require(try store.checkpoints().first)
            #expect((info.damage != nil) == (offset < 4096))
            #expect(try store.verify(progress: nil).findings.map(\.kind) == [.checkpoint])
            // It can be saved again.
            try store.setCheckpoint("a", at: .start, state: nil)
            #expect(try store.checkpoint("a").position == .start)
            try store.abandon()
        }
    }

    @Test func `Files that are cut, lengthened, renamed, empty or of another log are refused by name`() throws {
        let (disk, log) = try sample()
        try log.store.setCheckpoint("a", at: log.position(of: 9), state: [1, 2, 3, 4, 5])
        try log.store.closeCleanly()
        let bytes = try #require(disk.contents(of: "/log/checkpoints/a.ckpt"))
        for changed in [[], Array(bytes.prefix(4095)), Array(bytes.dropLast()), bytes + [0]] {
            let copy = SimulatedDisk(startingFrom: disk)
            copy.replaceContents(of: "/log/checkpoints/a.ckpt", with: changed)
            let store = try StoreSample.open(copy).store
            #expect(code { _ = try store.checkpoint("a") } == .corrupted)
            #expect(try store.checkpoints().first?.damage?.code == .corrupted)
        }
        disk.replaceContents(of: "/log/checkpoints/b.ckpt", with: bytes)
        disk.replaceContents(of: "/log/checkpoints/Stranger.ckpt", with: bytes)
        disk.replaceContents(of: "/log/checkpoints/readme", with: [1])
        let store = try StoreSample.open(disk).store
        #expect(code { _ = try store.checkpoint("b") } == .corrupted)
        #expect(try store.checkpoints().map(\.name) == ["a", "b"])
        let other = try StoreHarness(SimulatedDisk(), seed: 77)
        try other.store.setCheckpoint("a", at: .start, state: nil)
        try other.store.closeCleanly()
        let foreign = SimulatedDisk()
        let stranger = try StoreHarness(foreign, seed: 78)
        try stranger.store.closeCleanly()
        foreign.replaceContents(of: "/log/checkpoints/a.ckpt", with: bytes)
        let reopened = try StoreSample.open(foreign).store
        #expect(code { _ = try reopened.checkpoint("a") } == .foreignFile)
        #expect(try reopened.checkpoints().first?.damage?.code == .foreignFile)
    }

    @Test func `What a stop left unfinished is removed by the next open`() throws {
        let (disk, log) = try sample()
        try log.store.setCheckpoint("a", at: .start, state: nil)
        try log.store.closeCleanly()
        disk.replaceContents(of: "/log/checkpoints/a.ckpt.tmp", with: [1, 2])
        disk.replaceContents(of: "/log/checkpoints/other.tmp", with: [1, 2])
        let store = try StoreSample.open(disk).store
        #expect(disk.contents(of: "/log/checkpoints/a.ckpt.tmp") == nil)
        #expect(disk.contents(of: "/log/checkpoints/other.tmp") != nil)
        #expect(try store.checkpoint("a").position == .start)
    }

    @Test func `A log opened for reading shows checkpoints and changes none`() throws {
        let (disk, log) = try sample()
        try log.store.setCheckpoint("a", at: .start, state: [5])
        let reader = try StoreSample.open(disk) { $0.readOnly = true }.store
        #expect(try reader.checkpoint("a").state == [5])
        try log.store.setCheckpoint("a", at: .start, state: [6])
        #expect(try reader.checkpoint("a").state == [6])
        #expect(try reader.checkpoints().count == 1)
        #expect(code { try reader.setCheckpoint("a", at: .start, state: nil) } == .readOnly)
        #expect(code { try reader.removeCheckpoint("a") } == .readOnly)
    }

    @Test func `A closed store changes no checkpoint`() throws {
        let (disk, log) = try sample()
        try log.store.setCheckpoint("a", at: .start, state: [5])
        try log.store.closeCleanly()
        let before = disk.fingerprint()
        #expect(code { try log.store.setCheckpoint("a", at: .start, state: nil) } == .closed)
        #expect(code { try log.store.removeCheckpoint("a") } == .closed)
        #expect(disk.fingerprint() == before)
    }

    @Test(arguments: [StoreFlaws(), .ignoresCheckpointsAsProof])
    func `A checkpoint proves that events are missing, until a repair has cut them off`(_ flaws: StoreFlaws) throws {
        let disk = SimulatedDisk()
        let log = try StoreHarness(disk)
        for number in 0..<6 { try log.append([StoreSample.event(UInt64(number), size: 300)]) }
        try log.store.sync()
        try log.store.setCheckpoint("a", at: log.position(of: 6), state: nil)
        try log.store.abandon()
        // All frames from the fourth event on are gone, and with them every watermark that speaks of them.
        var bytes = try #require(disk.contents(of: StoreSample.path(base: 1)))
        let frame = Layout.frameSize(bodyLength: 304)
        for offset in 4096 + 3 * frame..<bytes.count { bytes[offset] = 0 }
        disk.replaceContents(of: StoreSample.path(base: 1), with: bytes)
        if !flaws.isEmpty {
            // Nothing else tells: what was durable would pass for a torn tail.
            var environment = StoreHarness.environment(disk, seed: 9)
            environment.flaws = flaws
            let store = try LogStore.open("/log", options: StoreHarness.smallSegments, environment: environment)
            #expect(store.writtenLSN == 3)
            return
        }
        let error = try #require(StoreSample.failureOfOpen(SimulatedDisk(startingFrom: disk)))
        #expect(error.code == .corrupted)
        #expect(error.lsns == 4...6)
        let repaired = try StoreSample.open(disk) { $0.recovery = .pointInTime }.store
        #expect(repaired.writtenLSN == 3)
        #expect(repaired.report.outcome == .pointInTime)
        try repaired.abandon()
        // From now on the checkpoint proves nothing.
        let again = try StoreSample.open(disk, seed: 5)
        #expect(again.store.report.damage == nil && again.store.writtenLSN == 3)
        #expect(try again.store.checkpoint("a").position.lsn == 6)
        try again.store.abandon()
    }

    @Test func `The reader written from the document alone finds the same checkpoints`() throws {
        let directory = try TemporaryDirectory()
        let log = StoreHarness(
            try LogStore.open(
                directory.file("log"), options: StoreHarness.smallSegments,
                environment: StoreHarness.environment(PosixStorage())))
        for number in 1...3 as ClosedRange<UInt64> { try log.append([StoreSample.event(number, size: 300)]) }
        try log.store.sync()
        try log.store.setCheckpoint("a", at: log.position(of: 2), state: [1, 0xFE])
        try log.store.setCheckpoint("b", at: .start, state: [])
        try log.store.setCheckpoint("c.d", at: log.position(of: 3), state: nil)
        let expected = try log.store.checkpoints().map { info in
            let checkpoint = try log.store.checkpoint(info.name)
            let state = ["a": "x01fe", "b": "x"][info.name] ?? "-"
            return "\(info.name) \(checkpoint.position) \(checkpoint.time.nanosecondsSince1970) \(state)"
        }
        try log.store.closeCleanly()
        guard let outcome = try PythonReader.run(directory.file("log"), "--checkpoints") else { return }
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.lines == expected)
        #expect(try PythonReader.run(directory.file("log"))?.lines.count == 3)
    }
}
