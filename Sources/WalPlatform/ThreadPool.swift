import Synchronization

/// Threads for calls that may block, kept for a moment after each call so that the next one need not start another.
///
/// Unbounded: a call never waits for another one to end, however long that blocks.
package final class ThreadPool: Sendable {
    package typealias Job = @Sendable () -> Void

    private struct State {
        /// Handed over and not yet taken; never more than there are idle threads.
        var jobs: [Job] = []
        var idle = 0
    }

    /// The threads of one process: a forked child has none of them, and begins with an empty crew.
    private final class Crew: Sendable {
        let process = ForkMark()
        let state = Guarded(State())
        let handedOver = WaitWord()
    }

    private let name: String
    private let patience: Int64
    /// Retained for as long as the pool. That of a parent is never touched again, nor freed.
    private let current = Atomic(Unmanaged.passRetained(Crew()))

    /// - Parameters:
    ///   - name: of each thread; the system keeps the first 15 bytes.
    ///   - patienceNanoseconds: how long an idle thread waits for another job before it ends.
    package init(name: String, patienceNanoseconds: Int64 = 5_000_000_000) {
        self.name = name
        patience = patienceNanoseconds
    }

    deinit {
        current.load(ordering: .acquiring).release()
    }

    /// How many threads wait for a job.
    package var idleCount: Int { crew().state.withLock { $0.idle } }

    /// That of this process.
    private func crew() -> Crew {
        let known = current.load(ordering: .acquiring)
        let crew = known.takeUnretainedValue()
        guard crew.process.isForked else { return crew }
        let fresh = Unmanaged.passRetained(Crew())
        let (exchanged, original) = current.compareExchange(
            expected: known, desired: fresh, ordering: .acquiringAndReleasing)
        guard !exchanged else { return fresh.takeUnretainedValue() }
        // Another thread of the child was faster.
        fresh.release()
        return original.takeUnretainedValue()
    }

    /// Runs a job on an idle thread, or on a new one.
    package func run(_ job: @escaping Job) throws(SystemThread.StartError) {
        let crew = crew()
        let isTaken = crew.state.withLock { state in
            guard state.idle > state.jobs.count else { return false }
            state.jobs.append(job)
            return true
        }
        if isTaken {
            crew.handedOver.bumpAndWakeOne()
            return
        }
        // In a box, which the first run empties: the thread's body lives as long as the thread, what a job holds must not.
        let first = Guarded<Job?>(job)
        _ = try SystemThread(name: name) { [self] in
            Self.take(first)?()
            while runNext(crew) {}
        }
    }

    private static func take(_ box: Guarded<Job?>) -> Job? {
        box.withLock { job in
            defer { job = nil }
            return job
        }
    }

    /// False if none came for long enough.
    private func runNext(_ crew: Crew) -> Bool {
        // The job may have forked, and this be the child's one thread.
        guard !crew.process.isForked, let job = next(crew) else { return false }
        job()
        return true
    }

    private func next(_ crew: Crew) -> Job? {
        let deadline = SystemClock.monotonicNanoseconds().addingClamped(patience)
        crew.state.withLock { $0.idle += 1 }
        while true {
            let seen = crew.handedOver.load()
            let left = deadline - SystemClock.monotonicNanoseconds()
            let (job, isOver) = crew.state.withLock { state -> (Job?, Bool) in
                // Counted as idle until the very step that takes a job or leaves: none is handed to a thread that has gone.
                guard !state.jobs.isEmpty || left <= 0 else { return (nil, false) }
                state.idle -= 1
                return (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), true)
            }
            if isOver { return job }
            crew.handedOver.wait(while: seen, timeoutNanoseconds: left)
        }
    }
}
