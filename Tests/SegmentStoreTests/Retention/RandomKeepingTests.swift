import SegmentStore
import Testing
import WalSimulation

/// Random histories of events, rolls, checkpoints, truncations and retention, with clocks that are set, beside the simplest
/// model of what must be kept.
@Suite struct RandomKeepingTests {
    private struct Model {
        /// Of every event its frame's time, from LSN 1 on.
        var times: [Int64] = []
        var first: UInt64 = 1
        var checkpoints: [String: (lsn: UInt64, state: [UInt8]?)] = [:]
        /// Whether the clock was set: what goes for its age then is another test's.
        var hasJumped = false
    }

    private static let names = ["a", "b", "c"]

    @Test(arguments: 0..<16)
    func `What is kept is what the simplest model keeps`(_ round: Int) throws {
        let seed = testSeed &+ UInt64(round)
        var random = SeededGenerator(seed: seed)
        func pick(_ count: Int) -> Int { Int(random.next() >> 33) % count }
        let disk = SimulatedDisk()
        let clocks = TestClocks()
        var log = try clocks.open(disk)
        var model = Model()
        for step in 0..<160 {
            let note = "WAL_SEED=\(testSeed) round \(round) step \(step)"
            switch pick(20) {
            case 0..<7:
                try log.append([StoreSample.event(UInt64(step), size: 100 + pick(2000))])
                model.times.append(clocks.wall)
                clocks.advance(seconds: Int64(pick(100)))
            case 7..<10: _ = try log.store.rotate()
            case 10: try log.maintain()
            case 11 where round % 2 == 0:
                clocks.jump(seconds: Int64(pick(400)) - 200)
                model.hasJumped = true
            case 12 where step % 4 == 0:
                try log.store.sync()
                try log.store.abandon()
                log = try clocks.open(disk, seed: UInt64(step))
            case 13, 14:
                try log.store.sync()
                let lsn = model.first - 1 + UInt64(pick(Int(log.store.durableLSN + 2 - model.first)))
                let name = Self.names[pick(3)]
                let state: [UInt8]? = pick(3) == 0 ? nil : [UInt8](repeating: UInt8(step), count: pick(5000))
                try log.store.setCheckpoint(name, at: log.position(of: lsn), state: state)
                model.checkpoints[name] = (lsn, state)
            case 15:
                guard let name = model.checkpoints.keys.sorted().first else { continue }
                try log.store.removeCheckpoint(name)
                model.checkpoints[name] = nil
            case 16:
                let lsn = model.first + UInt64(pick(4))
                guard lsn <= log.store.writtenLSN + 1 else { continue }
                try log.store.truncate(before: lsn)
                model.first = max(model.first, lsn)
            default:
                var policy = Retention(overridesCheckpoints: pick(4) == 0)
                if pick(2) == 0 { policy.maxSegments = 1 + pick(5) }
                if pick(2) == 0 { policy.maxAge = .seconds(1 + pick(800)) }
                if pick(2) == 0 { policy.maxBytes = UInt64(1 + pick(40_000)) }
                // Sealed, so that the times and sizes of all but the active one are known.
                try log.maintain()
                try retain(log, policy, clocks, &model, note)
            }
            #expect(log.store.firstLSN == model.first, "\(note)")
            for name in Self.names {
                let found = try? log.store.checkpoint(name)
                #expect(found?.position.lsn.rawValue == model.checkpoints[name]?.lsn, "\(note)")
                #expect(found?.state == model.checkpoints[name]?.state, "\(note)")
            }
        }
        try log.store.sync()
        #expect(try log.contents().keys.sorted() == Array(model.first..<UInt64(model.times.count + 1)), "seed \(seed)")
    }

    private func retain(
        _ log: StoreHarness, _ policy: Retention, _ clocks: TestClocks, _ model: inout Model, _ note: String
    ) throws {
        let segments = try log.store.segments()
        let sizes = segments.map { $0.state == .sealed ? $0.fileSize : $0.usedBytes }
        let wall = clocks.wall
        let plan = try log.store.retentionPlan(policy)
        let report = try log.store.applyRetention(policy)
        #expect(plan == report, "\(note)")
        let aged = Set((report.removed + report.held).filter { $0.limits.contains(.age) }.map(\.firstLSN))
        var target = model.first
        let held = policy.overridesCheckpoints ? nil : model.checkpoints.values.map(\.lsn).min()
        for index in segments.indices.dropLast() {
            let last = segments[index].lastLSN.rawValue
            let isTooMany = policy.maxSegments.map { segments.count - index > $0 } ?? false
            let isTooLarge = policy.maxBytes.map { sizes[index...].reduce(0, +) > $0 } ?? false
            var isTooOld = false
            if model.hasJumped {
                isTooOld = aged.contains(segments[index].firstLSN)
            } else if let age = policy.maxAge {
                let range = Int(segments[index].firstLSN.rawValue) - 1..<Int(last)
                let newest = model.times[range].max() ?? .max
                isTooOld = newest < wall - age.components.seconds * 1_000_000_000
            }
            guard isTooMany || isTooLarge || isTooOld else { break }
            guard last <= held ?? .max else { break }
            target = last + 1
        }
        model.first = max(model.first, target)
        #expect(report.firstLSN.rawValue == model.first, "\(note), \(policy)")
        for passed in report.passed { #expect(model.checkpoints[passed.name] != nil, "\(note)") }
    }
}
