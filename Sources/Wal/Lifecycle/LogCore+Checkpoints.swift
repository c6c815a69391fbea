internal import SegmentStore

extension LogCore {
    /// Refuses what can't be saved before anything is waited for.
    func checkSaving(_ name: String, _ lsn: LSN, _ state: [UInt8]?) throws(WalError) {
        try checkAlive()
        try LogStore.checkCheckpoint(name: name, state: state)
        try checkAssigned(lsn.rawValue)
    }

    /// Saves a checkpoint at an event that is durable.
    func saveCheckpoint(_ name: String, at lsn: LSN, state: [UInt8]?) throws(WalError) {
        try save { () throws(WalError) in
            try store.setCheckpoint(name, at: try store.position(of: lsn.rawValue), state: state)
        }
    }

    /// Saves a checkpoint at a position whose event, if it is valid, is durable.
    func saveCheckpoint(_ name: String, at position: Position, state: [UInt8]?) throws(WalError) {
        try save { () throws(WalError) in
            try store.check(position)
            try store.setCheckpoint(name, at: position, state: state)
        }
    }

    func removeCheckpoint(_ name: String) throws(WalError) {
        try checkAlive()
        try store.removeCheckpoint(name)
        retainer.request(onlyIfHeld: true)
    }

    private func save(_ body: () throws(WalError) -> Void) throws(WalError) {
        do throws(WalError) {
            try body()
            retainer.request(onlyIfHeld: true)
        } catch {
            // Making the folder may have failed the log.
            if let cause = store.failure { throw committer.fail(cause) }
            throw error
        }
    }
}
