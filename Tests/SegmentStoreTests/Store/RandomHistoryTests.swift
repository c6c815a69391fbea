import SegmentStore
import Testing
import WalSimulation

/// A property test: random histories of a store against a model in memory.
@Suite struct RandomHistoryTests {
    /// What the log must hold.
    private struct Model {
        var events: [UInt64: [UInt8]] = [:]
        var firstLSN: UInt64 = 1
        var lastLSN: UInt64 = 0
        var durableLSN: UInt64 = 0
    }

    @Test(arguments: 0..<60)
    func aRandomHistoryMatchesTheModel(number: Int) throws {
        let seed = testSeed &+ UInt64(number)
        var generator = SeededGenerator(seed: seed)
        var options = StoreHarness.smallSegments
        options.preallocation = [Preallocation.growing, .allocated, .prewritten][number % 3]
        options.readAccess = number % 2 == 0 ? .mapped : .read
        options.startLSN = number % 5 == 0 ? 1000 : 1
        var model = Model()
        model.firstLSN = options.startLSN
        model.lastLSN = options.startLSN - 1
        model.durableLSN = model.lastLSN
        var disk = SimulatedDisk(sectorSize: number % 4 == 0 ? .bytes4096 : .bytes512)
        var log = try StoreHarness(disk, options: options, seed: seed)
        for step in 0..<100 {
            let note = "WAL_SEED=\(testSeed) history \(number) step \(step)"
            switch generator.next() % 20 {
            case 0...7: try append(log, &model, &generator)
            case 8: try appendBatch(log, &model, &generator)
            case 9...10: #expect(try log.store.sync() == model.lastLSN, "\(note)")
            case 11: _ = try log.store.rotate()
            case 12...13: _ = try log.store.performMaintenance()
            case 14: try log.store.recordWatermark()
            case 15:
                let lsn = model.firstLSN + generator.next() % (model.lastLSN + 2 - model.firstLSN)
                try log.store.truncate(before: lsn)
                model.firstLSN = max(model.firstLSN, lsn)
            case 16:
                try log.store.closeCleanly()
                log = try StoreHarness(disk, options: options, seed: generator.next())
                #expect(log.store.report.outcome == .clean, "\(note)")
                #expect(log.store.durableLSN == model.lastLSN, "\(note)")
            case 17:
                try log.store.abandon()
                log = try StoreHarness(disk, options: options, seed: generator.next())
                #expect(log.store.report.outcome == .unclean, "\(note)")
            case 18 where generator.next() % 3 == 0:
                let lsn = model.firstLSN - 1 + generator.next() % (model.lastLSN + 2 - model.firstLSN)
                try log.store.truncate(after: lsn)
                for gone in lsn + 1..<max(lsn + 1, model.lastLSN + 1) { model.events[gone] = nil }
                model.lastLSN = lsn
                model.durableLSN = min(model.durableLSN, lsn)
            case 18...19 where generator.next() % 2 == 0:
                model.durableLSN = log.store.durableLSN
                let choice = [CrashChoice.keepNone, .keepAll, .random][Int(generator.next() % 3)]
                disk = disk.crash(choice, seed: generator.next())
                log = try StoreHarness(disk, options: options, seed: generator.next())
                try checkAfterCrash(log, &model, note)
            default: break
            }
            try check(log, model, &generator, note)
        }
        try log.store.closeCleanly()
        #expect(disk.openHandles == 0)
    }

    private func append(_ log: StoreHarness, _ model: inout Model, _ generator: inout SeededGenerator) throws {
        var group: [[UInt8]] = []
        for _ in 0...generator.next() % 5 {
            let size = generator.next() % 8 == 0 ? Int(generator.next() % 9000) : Int(generator.next() % 300)
            model.lastLSN += 1
            group.append(StoreSample.event(generator.next() % 1000, size: size))
            model.events[model.lastLSN] = group.last
        }
        try log.append(group)
    }

    private func appendBatch(_ log: StoreHarness, _ model: inout Model, _ generator: inout SeededGenerator) throws {
        var batch = EventBatch()
        let first = model.lastLSN + 1
        for _ in 0...generator.next() % 30 {
            let event = StoreSample.event(generator.next() % 1000, size: Int(generator.next() % 200))
            try batch.append(event, meta: generator.next() % 2 == 0 ? [1, 2] : nil)
            model.lastLSN += 1
            model.events[model.lastLSN] = event
        }
        let block = StagingBlock(
            capacity: StagingBlock.capacity(forBody: batch.byteCount), largestBody: log.store.largestUnit)
        let fits = block.append(batch, firstLSN: first)
        #expect(fits)
        block.closeFrame()
        try log.store.write(block)
    }

    private func check(
        _ log: StoreHarness, _ model: Model, _ generator: inout SeededGenerator, _ note: String
    ) throws {
        #expect(log.store.firstLSN == model.firstLSN, "\(note)")
        #expect(log.store.writtenLSN == model.lastLSN, "\(note)")
        #expect(log.store.durableLSN <= model.lastLSN, "\(note)")
        let from = model.firstLSN + generator.next() % (model.lastLSN + 2 - model.firstLSN)
        let outcome = ReadOutcome(log.store, from: from)
        #expect(outcome.error == nil, "\(note): \(String(describing: outcome.error))")
        #expect(outcome.events == model.events.filter { $0.key >= from && $0.key <= model.lastLSN }, "\(note)")
        guard generator.next() % 10 == 0 else { return }
        let report = try log.store.verify(progress: nil)
        #expect(report.findings.isEmpty, "\(note): \(report.findings)")
        let bases = try log.store.segments()
        for (left, right) in zip(bases, bases.dropFirst()) {
            #expect(
                left.lastLSN.rawValue + 1 == right.firstLSN.rawValue && left.sequence + 1 == right.sequence, "\(note)")
        }
    }

    /// After a power cut the log is a prefix of the model that holds all that was durable.
    private func checkAfterCrash(_ log: StoreHarness, _ model: inout Model, _ note: String) throws {
        let last = log.store.writtenLSN
        #expect(log.store.report.damage == nil, "\(note)")
        #expect(last >= model.durableLSN && last <= model.lastLSN, "\(note)")
        for lsn in last + 1..<max(last + 1, model.lastLSN + 1) { model.events[lsn] = nil }
        model.lastLSN = last
        #expect(log.store.firstLSN == model.firstLSN, "\(note)")
        model.firstLSN = log.store.firstLSN
    }
}
