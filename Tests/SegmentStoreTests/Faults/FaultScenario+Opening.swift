import SegmentStore
import WalPlatform
import WalSimulation

extension FaultScenario {
    /// Opens the log and goes on with it.
    private static let goOn: @Sendable (FaultLedger, any Storage) throws -> Void = { ledger, storage in
        try ledger.open(storage)
        try ledger.append()
        try ledger.sync()
        try ledger.maintain()
    }

    static let opening: [Self] = [
        Self(
            description: "reopen a clean log", prepare: { try StoreSample(segments: 3, ending: .closed).disk },
            durableLSN: 9, oldSizes: sizes(1...9, 700), run: goOn),
        Self(
            description: "reopen with twins",
            prepare: {
                let sample = try CompressedSample(segments: 2, eventsEach: 12, size: 700)
                return sample.damaged { disk in
                    let raw = StoreSample.path(base: sample.bases[0])
                    disk.replaceContents(of: raw, with: sample.raw.contents(of: raw) ?? [])
                }
            }, durableLSN: 24, oldSizes: compressedSizes, run: goOn),
        Self(
            description: "reopen after a kill",
            prepare: {
                let disk = SimulatedDisk()
                let log = try StoreHarness(disk)
                for lsn in UInt64(1)...9 {
                    try log.append([StoreSample.event(lsn, size: 3500)])
                    if lsn == 6 { try log.maintain() }
                    if lsn == 7 { try log.store.sync() }
                }
                return disk.crash(.keepAll)
            }, durableLSN: 7, oldSizes: sizes(1...9, 3500), run: goOn),
        Self(
            description: "reopen after a power cut with a torn tail",
            prepare: {
                let disk = SimulatedDisk()
                let log = try StoreHarness(disk)
                for lsn in UInt64(1)...4 { try log.append([StoreSample.event(lsn, size: 2000)]) }
                try log.store.sync()
                for lsn in UInt64(5)...14 { try log.append([StoreSample.event(lsn, size: 2000)]) }
                let after = disk.crash(.keepAll)
                after.corrupt(StoreSample.path(base: 6), at: 4200, xor: 0xFF)
                return after
            }, durableLSN: 4, oldSizes: sizes(1...14, 2000), run: goOn),
        Self(
            description: "finish a cut", prepare: { try interrupted(.unlink) { try $0.truncate(after: 4) } },
            durableLSN: 4, oldSizes: sizes(1...4, 700), run: goOn),
        Self(
            description: "finish a truncation", prepare: { try interrupted(.unlink) { try $0.truncate(before: 8) } },
            durableLSN: 9, firstLSN: 8, oldSizes: sizes(1...9, 700), run: goOn),
        Self(
            description: "point-in-time recovery",
            prepare: {
                try StoreSample(segments: 4, ending: .closed).disk { disk in
                    disk.corrupt(StoreSample.path(base: 4), at: 4968, xor: 1)
                }
            }, durableLSN: 4, oldSizes: sizes(1...4, 700), recovery: .pointInTime
        ) { ledger, storage in
            ledger.options.recovery = .pointInTime
            ledger.options.deepRecovery = true
            try goOn(ledger, storage)
        },
        Self(
            description: "rebuild the superblock",
            prepare: {
                try StoreSample(segments: 3, ending: .closed).disk { disk in
                    disk.corrupt(StoreSample.path(FileNames.superblock), at: 60, xor: 1)
                    disk.corrupt(StoreSample.path(FileNames.superblock), at: 60 + Layout.blockSize, xor: 1)
                }
            }, durableLSN: 9, oldSizes: sizes(1...9, 700), recovery: .pointInTime
        ) { ledger, storage in
            ledger.options.recovery = .pointInTime
            try goOn(ledger, storage)
        },
    ]

    /// A log of nine events in three segments on which something was begun and stopped by a failing call.
    private static func interrupted(
        _ operation: StorageError.Operation, _ body: (LogStore) throws -> Void
    ) throws -> SimulatedDisk {
        let disk = SimulatedDisk(startingFrom: try StoreSample(segments: 3, ending: .closed).disk)
        let plan = FaultPlan()
        let store = try StoreHarness(storage: FaultStorage(disk.backend, plan: plan)).store
        plan.add(Fault(operations: [operation], isLasting: true))
        do { try body(store) } catch {}
        return disk.crash(.keepAll)
    }

    static let reading: [Self] = [
        Self(
            description: "replay through read calls", prepare: { try StoreSample(segments: 3, ending: .synced).disk },
            durableLSN: 9, oldSizes: sizes(1...9, 700)
        ) { ledger, storage in
            try ledger.open(storage)
            try ledger.replay(.read)
        },
        Self(
            description: "replay through maps", prepare: { try StoreSample(segments: 3, ending: .closed).disk },
            durableLSN: 9, oldSizes: sizes(1...9, 700)
        ) { ledger, storage in
            ledger.options.readOnly = true
            try ledger.open(storage)
            try ledger.replay(.mapped)
            _ = try ledger.store?.refresh()
        },
        Self(
            description: "replay compressed segments",
            prepare: { try CompressedSample(segments: 2, eventsEach: 12, size: 700).disk }, durableLSN: 24,
            oldSizes: compressedSizes
        ) { ledger, storage in
            try ledger.open(storage)
            try ledger.replay(.read)
            try ledger.replay(.mapped)
        },
        Self(
            description: "verify", prepare: { try CompressedSample(segments: 2, eventsEach: 12, size: 700).disk },
            durableLSN: 24, oldSizes: compressedSizes
        ) { ledger, storage in
            ledger.options.readOnly = true
            try ledger.open(storage)
            try ledger.verify()
        },
        Self(
            description: "salvage",
            prepare: {
                try StoreSample(segments: 3, ending: .closed).disk { disk in
                    disk.corrupt(StoreSample.path(base: 4), at: 4968, xor: 1)
                }
            }, durableLSN: 4, oldSizes: sizes(1...9, 700), recovery: .pointInTime, salvageableLSN: 9
        ) { ledger, storage in
            try ledger.salvage(storage)
        },
        Self(
            description: "export into a new log",
            prepare: {
                try StoreSample(segments: 3, ending: .closed).disk { disk in
                    disk.corrupt(StoreSample.path(FileNames.superblock), at: 60, xor: 1)
                    disk.corrupt(StoreSample.path(FileNames.superblock), at: 60 + Layout.blockSize, xor: 1)
                }
            }, durableLSN: 9, oldSizes: sizes(1...9, 700), recovery: .pointInTime, salvageableLSN: 9
        ) { ledger, storage in
            let copy = try ledger.open("/copy", storage, seed: 8)
            defer { try? copy.abandon() }
            try ledger.salvage(storage, into: copy)
            try copy.closeCleanly()
        },
    ]
}
