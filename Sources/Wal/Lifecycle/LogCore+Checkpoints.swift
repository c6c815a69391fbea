internal import SegmentStore

extension LogCore {
    /// Refuses what can't be saved before anything is waited for; returns what is to be durable first.
    func checkSaving(_ name: String, _ lsn: LSN, _ state: [UInt8]?) throws(WalError) -> Ticket {
        try checkProcess()
        // The ticket before the check: a cut after the check is told by the ticket.
        let ticket = queue.ticket(lsn.rawValue)
        try checkAlive()
        try LogStore.checkCheckpoint(name: name, state: state)
        try checkAssigned(lsn.rawValue)
        return ticket
    }

    /// Blocks for a disk read.
    func checkSaving(_ name: String, _ position: Position, _ state: [UInt8]?) throws(WalError) -> Ticket {
        try checkAlive()
        try LogStore.checkCheckpoint(name: name, state: state)
        return try checkedTicket(position)
    }

    /// The ticket of an event that was given out; throws if it was cut off since. Blocks for a disk read.
    func checkedTicket(_ position: Position) throws(WalError) -> Ticket {
        try checkProcess()
        // The ticket before the check: a cut after the check is told by the ticket.
        let ticket = queue.ticket(position.lsn.rawValue)
        // Whoever has a position has read the event: it is written, or it was cut off.
        try store.check(position)
        return ticket
    }

    /// Saves a checkpoint at an event that is durable; returns where that is.
    @discardableResult
    func saveCheckpoint(_ name: String, at ticket: Ticket, state: [UInt8]?) throws(WalError) -> Position {
        var position = Position.start
        try save { () throws(WalError) in
            do throws(WalError) {
                position = try store.position(of: ticket.lsn)
            } catch {
                try checkNotCut(ticket)
                throw error
            }
            // Else the LSN may be another event's by now.
            try checkNotCut(ticket)
            try store.setCheckpoint(name, at: position, state: state)
        }
        return position
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
