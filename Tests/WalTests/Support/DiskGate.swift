import SegmentStore
import Synchronization
import WalPlatform

/// Holds up calls of some kinds while it is shut, so that a test can look at what must not have happened yet.
final class DiskGate: Sendable {
    private struct State {
        var shut: Set<StorageError.Operation> = []
        var held = 0
        var passed: [StorageError.Operation: Int] = [:]
    }

    private let state = Mutex(State())
    private let moved = WaitWord()

    /// The storage with the gate in front of segment files.
    func guarding(_ base: any Storage) -> LogStorage {
        LogStorage(HookStorage(base: base, hook: { operation, path in self.pass(operation, path) }))
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

    /// Calls of this kind that went through.
    func count(_ operation: StorageError.Operation) -> Int {
        state.withLock { $0.passed[operation] ?? 0 }
    }

    private func pass(_ operation: StorageError.Operation, _ path: String) {
        guard path.hasSuffix(".seg") else { return }
        var isHeld = false
        while true {
            let seen = moved.load()
            let mayPass = state.withLock { state in
                let mayPass = !state.shut.contains(operation)
                if mayPass { state.passed[operation, default: 0] += 1 }
                if mayPass == isHeld { state.held += mayPass ? -1 : 1 }
                return mayPass
            }
            if mayPass { return }
            if isHeld {
                moved.wait(while: seen)
            } else {
                isHeld = true
                moved.bumpAndWakeAll()
            }
        }
    }
}
