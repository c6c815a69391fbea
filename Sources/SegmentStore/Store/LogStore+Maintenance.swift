import Synchronization
import WalPlatform

extension LogStore {
    private static let prewriteSlice: UInt64 = 1 << 20

    /// Does the next background step that is due; returns false if none is.
    ///
    /// An error concerns that step alone unless `failure` is set after it; a step that failed is due again.
    ///
    /// - Parameters:
    ///   - backlog: how many rolled segments must await it before settling is due.
    ///   - works: whether to do what `work` does, too, where nothing else is due; the caller doesn't hold `maintenanceLock` then.
    package func performMaintenance(settlingAt backlog: Int = 1, works: Bool = true) throws(WalError) -> Bool {
        // Whoever holds the writer's steps finishes it first.
        if hasUnfinishedCut { return false }
        try checkUsable()
        if syncState.withLock({ $0.isClosed }) { return false }
        if environment.flaws.contains(.sealsBeforeSettling) {
            catalog.withLock { catalog in
                catalog.unsealed += catalog.unsettled
                catalog.unsettled = []
            }
        }
        // Without room for a spare the other steps still count: sealing gives room back.
        var refusal: WalError?
        do throws(WalError) {
            if try prepareSpare() { return true }
        } catch {
            refusal = error
        }
        if unsettledCount >= max(1, backlog) {
            try sync()
            return true
        }
        do throws(WalError) {
            if try sealNext() { return true }
        } catch {
            refusal = refusal ?? error
        }
        if spareIsReady, try prewriteSpare() { return true }
        if works {
            do throws(WalError) {
                if try work() { return true }
            } catch {
                if failure != nil { throw error }
                refusal = refusal ?? error
            }
        }
        if let refusal { throw refusal }
        return false
    }

    /// Rolled segments that are not yet known to be on stable storage.
    package var unsettledCount: Int { catalog.withLock { $0.unsettled.count } }

    /// Rolled segments that have no footer yet, settled or not.
    package var unsealedCount: Int { catalog.withLock { $0.unsettled.count + $0.unsealed.count } }

    // MARK: The spare

    private var spareIsReady: Bool { spare.withLock { $0 != nil } }

    /// A log that stays small needs no second file: the spare is made once part of the active segment is used. From the first roll
    /// on it is made at once, so that the writer has what its next roll needs, the descriptor included.
    private func prepareSpare() throws(WalError) -> Bool {
        let size = catalog.withLock { $0.active?.header.segmentSize } ?? options.segmentSize
        guard
            hasRolled.load(ordering: .relaxed)
                || activeOffset.load(ordering: .relaxed) >= min(size, options.segmentSize) / 8
        else { return false }
        return try spare.withLock { (spare) throws(WalError) -> Bool in
            guard spare == nil else { return false }
            spare = try makeSpare()
            return true
        }
    }

    /// Fills the spare with zeros, a synced slice at a time, keeping ahead of the use of the active segment.
    private func prewriteSpare() throws(WalError) -> Bool {
        guard options.preallocation == .prewritten else { return false }
        return try spare.withLock { (spare) throws(WalError) -> Bool in
            guard var ready = spare, ready.header == nil, ready.filled < ready.size else { return false }
            let used = activeOffset.load(ordering: .relaxed)
            guard ready.filled <= min(ready.size, used + used / 4 + Self.prewriteSlice) else { return false }
            let count = min(Self.prewriteSlice, ready.size - ready.filled)
            do {
                let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(count), alignment: Layout.blockSize)
                defer { zeros.deallocate() }
                zeros.initializeMemory(as: UInt8.self, repeating: 0)
                try ready.file.write(at: ready.filled, UnsafeRawBufferPointer(zeros))
                try ready.file.sync()
            } catch let error as StorageError {
                // Nothing is in it yet: another one is made.
                spare = nil
                dropSpare(ready.file)
                throw error.wal("prepare the next segment")
            } catch {
                throw WalError(.io, "could not prepare the next segment: \(error)")
            }
            ready.filled += count
            spare = ready
            return true
        }
    }
}
