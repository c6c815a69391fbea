import Synchronization
import WalPlatform

/// Who is changing which checkpoint of an open log, and what the checkpoints hold back.
///
/// One change of a name at a time; different names don't wait for one another, so that consumers share the file system's own
/// group commit.
final class CheckpointDesk: Sendable {
    private struct Changes: Sendable {
        var names: Set<String> = []
        var isClosed = false
    }

    private let changes = Guarded(Changes())
    private let freed = WaitWord()

    /// The LSN of each checkpoint, or a lower one while it is being replaced; 0 where it can't be read. Nil: not looked at yet.
    ///
    /// Retention holds it while it decides and raises the low mark, so that no checkpoint comes in between. Above `syncState`
    /// in the order of locks.
    let holds = Guarded<[String: UInt64]?>(nil)

    /// Whether the folder's name is known to be on stable storage.
    let folderIsDurable = Atomic<Bool>(false)

    /// Makes its caller the one who may change the checkpoint; false if the log is closed.
    func acquire(_ name: String) -> Bool {
        while true {
            let seen = freed.load()
            let isMine = changes.withLock { changes -> Bool? in
                if changes.isClosed { return nil }
                return changes.names.insert(name).inserted
            }
            guard let isMine else { return false }
            if isMine { return true }
            freed.wait(while: seen)
        }
    }

    func release(_ name: String) {
        changes.withLock { _ = $0.names.remove(name) }
        freed.bumpAndWakeAll()
    }

    /// Lets no further change begin and waits for those under way.
    func close() {
        while true {
            let seen = freed.load()
            let isQuiet = changes.withLock { changes in
                changes.isClosed = true
                return changes.names.isEmpty
            }
            if isQuiet { break }
            freed.wait(while: seen)
        }
        // Who waits for a name hears that the log is closed.
        freed.bumpAndWakeAll()
    }
}
