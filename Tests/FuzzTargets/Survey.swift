import SegmentStore
import WalSimulation

/// Does to a log everything that reads or mends one. Errors are answers; what is checked is what comes without one.
struct Survey {
    let disk: SimulatedDisk
    /// The events that may be given out, if the log's checksums are still those of what was written.
    var allowed: [UInt64: [UInt8]]?

    func run() throws {
        try read { $0.readOnly = true }
        try read { $0.readAccess = .read }
        try read {
            $0.recovery = .pointInTime
            $0.deepRecovery = true
        }
        try read {
            $0.recovery = .pointInTime
            $0.deepRecovery = true
            $0.keep = .newer
        }
        try verify()
        try salvage()
    }

    /// Reads on both sides of whatever is wrong.
    private func verify() throws {
        let copy = SimulatedDisk(startingFrom: disk)
        _ = try? LogStore.verify(
            SampleLog.directory, options: SampleLog.options { _ in }, environment: SampleLog.environment(copy),
            progress: nil)
        try Violation.unless(copy.openHandles == 0, "verification left a file open")
        try Violation.unless(isUnchanged(copy), "verification changed the files")
    }

    /// More bytes than this can't be in the files.
    private var bytesMax: Int {
        disk.files().reduce(0) { sum, path in
            let size = disk.contents(of: path)?.count ?? 0
            // No zstd block of at most 128 KiB takes less than four bytes.
            return sum + (FileNames.isCompressed(path) ? (size / 4 + 1) * (128 << 10) : size)
        }
    }

    private func read(_ change: (inout StoreOptions) -> Void) throws {
        let copy = SimulatedDisk(startingFrom: disk)
        let options = SampleLog.options(change)
        guard let store = try? SampleLog.open(copy, options) else {
            try Violation.unless(copy.openHandles == 0, "a refused open left a file open")
            if options.recovery == .strict {
                try Violation.unless(isUnchanged(copy), "a refused open changed the files")
            }
            return
        }
        try checkEvents(of: store, from: 0, bytesMax: bytesMax)
        try checkEvents(of: store, from: 5, bytesMax: bytesMax)
        try checkEvents(of: store, from: .max, bytesMax: bytesMax)
        _ = try? store.verify(progress: nil)
        _ = try? store.segments()
        _ = try? store.checkpoints()
        _ = try? store.checkpoint("a")
        if options.readOnly {
            _ = try? store.refresh()
            try Violation.unless(isUnchanged(copy), "a log opened for reading was changed")
        } else {
            _ = try? use(store)
        }
        if (try? store.closeCleanly()) == nil { try? store.abandon() }
        try Violation.unless(copy.openHandles == 0, "a closed log left a file open")
    }

    private func use(_ store: LogStore) throws {
        let first = store.firstLSN
        try SampleLog.append([[1], [2, 3]], to: store)
        _ = try store.sync()
        while try store.performMaintenance() {}
        _ = try store.truncate(before: first &+ 2)
        try store.truncate(after: store.firstLSN, overridingCheckpoints: true)
        var pass = try store.beginCompression(.zstd(level: 1))
        while try store.continueCompression(&pass) {}
        _ = try store.endCompression(pass)
    }

    /// But for the lock file, which every open that means to write makes.
    private func isUnchanged(_ copy: SimulatedDisk) -> Bool {
        let lock = SampleLog.path(FileNames.lock)
        let (before, after) = (disk.files().filter { $0 != lock }, copy.files().filter { $0 != lock })
        return before == after && before.allSatisfy { disk.contents(of: $0) == copy.contents(of: $0) }
    }

    private func checkEvents(of store: LogStore, from: UInt64, bytesMax: Int) throws {
        var tally = EventTally(allowed: allowed, bytesMax: bytesMax)
        do {
            var cursor = try store.cursor(from: from, through: .max)
            while let view = try cursor.next() {
                try tally.take(view)
                try Violation.unless(view.lsn >= from, "LSN \(view.lsn) came though \(from) was asked for")
                try Violation.unless(view.lsn <= store.writtenLSN, "LSN \(view.lsn) came from behind the end")
            }
        } catch let error as Violation {
            throw error
        } catch {
            // Damage is said, and nothing wrong was given out before.
        }
    }

    private func salvage() throws {
        var tally = EventTally(allowed: allowed, bytesMax: bytesMax)
        var salvage = Salvage(storage: disk.backend, directory: SampleLog.directory)
        do {
            try salvage.run { view in
                try tally.take(view)
                return true
            } hole: { _ in
                true
            }
        } catch let error as Violation {
            throw error
        } catch {
            // There is nothing that could be salvaged.
        }
        try Violation.unless(disk.openHandles == 0, "salvage left a file open")
    }
}

/// The events given out so far: in order, no more than the files hold, and none that was never written.
private struct EventTally {
    let allowed: [UInt64: [UInt8]]?
    let bytesMax: Int
    var last: UInt64 = 0
    var bytes = 0

    init(allowed: [UInt64: [UInt8]]?, bytesMax: Int) {
        self.allowed = allowed
        self.bytesMax = bytesMax
    }

    mutating func take(_ view: RecordView) throws(Violation) {
        try Violation.unless(view.lsn > last, "LSN \(view.lsn) came behind \(last)")
        last = view.lsn
        bytes += 4 + view.payload.count + (view.meta?.count ?? 0) + (view.key?.count ?? 0)
        try Violation.unless(bytes <= bytesMax, "more events came than the files hold")
        // Every byte is touched, so that the address sanitizer sees one that isn't there.
        let payload = Array(view.payload)
        _ = view.meta.map { Array($0) }
        _ = view.key.map { Array($0) }
        if let allowed { try Violation.unless(payload == allowed[view.lsn], "LSN \(view.lsn) has wrong bytes") }
    }
}
