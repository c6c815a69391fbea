import SegmentStore
import WalPlatform

/// Holds up, or fails, calls on segment files, or on others, so that a test can look at what must not have happened yet.
final class DiskGate: Sendable {
    private struct State {
        var shut: Set<StorageError.Operation> = []
        var failing: [StorageError.Operation: CInt] = [:]
        var held = 0
        var mostHeld = 0
        var passed: [StorageError.Operation: Int] = [:]
    }

    private let suffix: String
    private let thread: String?
    private let state = Guarded(State())
    private let moved = WaitWord()

    /// - Parameters:
    ///   - suffix: that of the files concerned.
    ///   - thread: the name of the threads concerned; nil: all. Linux alone tells it.
    init(suffix: String = ".seg", thread: String? = nil) {
        self.suffix = suffix
        self.thread = thread
    }

    /// The storage with the gate in front of segment files.
    func guarding(_ base: any Storage) -> LogStorage {
        LogStorage(HookStorage(base: base) { operation, path throws(StorageError) in try self.pass(operation, path) })
    }

    /// From now on calls of these kinds wait.
    func shut(_ operations: StorageError.Operation...) {
        state.withLock { $0.shut.formUnion(operations) }
    }

    /// Lets calls of this kind through.
    func letThrough(_ operation: StorageError.Operation) {
        state.withLock { _ = $0.shut.remove(operation) }
        moved.bumpAndWakeAll()
    }

    /// Lets everything through.
    func open() {
        state.withLock { $0.shut.removeAll() }
        moved.bumpAndWakeAll()
    }

    /// Waits until a call is being held up.
    func waitUntilHeld() {
        while true {
            let seen = moved.load()
            if state.withLock({ $0.held > 0 }) { return }
            moved.wait(while: seen)
        }
    }

    /// How many calls were held up at once, at most.
    var mostHeld: Int { state.withLock { $0.mostHeld } }

    /// Calls of this kind that went through.
    func count(_ operation: StorageError.Operation) -> Int {
        state.withLock { $0.passed[operation] ?? 0 }
    }

    /// From now on calls of this kind do nothing and fail with the error; nil: no more.
    func fail(_ operation: StorageError.Operation, _ errno: CInt?) {
        state.withLock { $0.failing[operation] = errno }
    }

    private func pass(_ operation: StorageError.Operation, _ path: String) throws(StorageError) {
        guard path.hasSuffix(suffix) else { return }
        if let thread, thread != currentThreadName { return }
        var isHeld = false
        while true {
            let seen = moved.load()
            let mayPass = state.withLock { state in
                let mayPass = !state.shut.contains(operation)
                if mayPass { state.passed[operation, default: 0] += 1 }
                if mayPass == isHeld { state.held += mayPass ? -1 : 1 }
                state.mostHeld = max(state.mostHeld, state.held)
                return mayPass
            }
            if mayPass {
                if let errno = state.withLock({ $0.failing[operation] }) {
                    throw StorageError(operation, path, errno: errno)
                }
                return
            }
            if isHeld {
                moved.wait(while: seen)
            } else {
                isHeld = true
                moved.bumpAndWakeAll()
            }
        }
    }
}
