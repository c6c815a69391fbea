internal import SegmentStore
import WalPlatform

/// Tasks that wait for durability, for writing, or for room in the queue: suspended, not blocking a thread.
///
/// The pattern that misses no wake: a task registers, then looks at the condition once more and, if it holds, resumes
/// itself; whoever makes a condition true looks at the list after. Each continuation is resumed exactly once because it
/// is taken out of the list under the mutex first, and resumed outside of it.
final class AsyncWaiters: Sendable {
    enum Condition {
        case durable(UInt64)
        case written(UInt64)
        case space
        /// The same, with a claim on the next.
        case claimedSpace
    }

    typealias Continuation = CheckedContinuation<WalError?, Never>

    private struct Entry {
        let id: UInt64
        let condition: Condition
        let continuation: Continuation
    }

    private struct Contents {
        var nextID: UInt64 = 0
        var entries: [Entry] = []
        /// Cancelled before they had registered.
        var cancelled: Set<UInt64> = []
    }

    /// Innermost: nothing is called while it is held.
    private let contents = Guarded(Contents())

    /// Suspends until somebody resumes the entry.
    ///
    /// - Parameters:
    ///   - recheck: looks at the condition once more after registering; returns true if the wait is over.
    ///   - started: has somebody work towards the condition.
    func wait(for condition: Condition, recheck: () -> Bool, started: () -> Void) async throws(WalError) {
        let id = contents.withLock { contents in
            contents.nextID += 1
            return contents.nextID
        }
        let failure = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: Continuation) in
                let isCancelled = contents.withLock { contents in
                    if contents.cancelled.remove(id) != nil { return true }
                    contents.entries.append(Entry(id: id, condition: condition, continuation: continuation))
                    return false
                }
                if isCancelled {
                    continuation.resume(returning: Self.cancellation)
                } else if recheck() {
                    take(id)?.resume(returning: nil)
                } else {
                    started()
                }
            }
        } onCancel: {
            cancel(id)
        }
        contents.withLock { _ = $0.cancelled.remove(id) }
        if let failure { throw failure }
    }

    private static let cancellation = WalError(
        .cancelled, "the task was cancelled while it waited; an event that was accepted stays accepted")

    private func cancel(_ id: UInt64) {
        let continuation = contents.withLock { contents -> Continuation? in
            guard let index = contents.entries.firstIndex(where: { $0.id == id }) else {
                contents.cancelled.insert(id)
                return nil
            }
            return contents.entries.remove(at: index).continuation
        }
        continuation?.resume(returning: Self.cancellation)
    }

    private func take(_ id: UInt64) -> Continuation? {
        contents.withLock { contents in
            guard let index = contents.entries.firstIndex(where: { $0.id == id }) else { return nil }
            return contents.entries.remove(at: index).continuation
        }
    }

    /// Resumes the tasks whose condition holds now.
    func advance(durable: UInt64, written: UInt64) {
        resumeAll { condition in
            switch condition {
            case .durable(let lsn): lsn <= durable
            case .written(let lsn): lsn <= written
            case .space, .claimedSpace: false
            }
        }
    }

    /// Resumes everybody; each looks for itself whether to go on, wait again or give up.
    func wakeAll() {
        resumeAll { _ in true }
    }

    /// Resumes one task that waits for room.
    ///
    /// Returns whether there was one.
    @discardableResult
    func wakeOneProducer() -> Bool {
        let continuation = contents.withLock { contents -> Continuation? in
            let index = contents.entries.firstIndex {
                if case .space = $0.condition { true } else { false }
            }
            return index.map { contents.entries.remove(at: $0).continuation }
        }
        continuation?.resume(returning: nil)
        return continuation != nil
    }

    /// Resumes the task that has a claim on the next room, if it is one.
    func wakeClaimant() {
        resumeAll { condition in
            if case .claimedSpace = condition { true } else { false }
        }
    }

    private func resumeAll(where isOver: (Condition) -> Bool) {
        let continuations = contents.withLock { contents -> [Continuation] in
            guard !contents.entries.isEmpty else { return [] }
            var over: [Continuation] = []
            contents.entries.removeAll { entry in
                guard isOver(entry.condition) else { return false }
                over.append(entry.continuation)
                return true
            }
            return over
        }
        for continuation in continuations { continuation.resume(returning: nil) }
    }
}
