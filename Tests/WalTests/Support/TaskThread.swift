import WalPlatform

/// Runs tasks on a thread of its own: they need none of the cooperative pool's, which other tests may hold, and a test can tell
/// when all of them are suspended.
final class TaskThread: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isBusy = false
        var hasEnded = false
    }

    private let state = Guarded(State())
    private let moved = WaitWord()

    /// Runs until `end()`.
    static func start() throws -> TaskThread {
        let executor = TaskThread()
        _ = try SystemThread(name: "test-tasks") { executor.run() }
        return executor
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        moved.bumpAndWakeAll()
    }

    /// Starts a task here.
    func begin<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) -> Task<Result, Never> {
        Task(executorPreference: self) { await body() }
    }

    /// Waits until every task that was started here has ended or is suspended.
    func waitUntilIdle() {
        waitUntil { state.withLock { $0.jobs.isEmpty && !$0.isBusy } }
    }

    /// Ends the thread; its tasks have ended, or nobody waits for them.
    func end() {
        state.withLock { $0.hasEnded = true }
        moved.bumpAndWakeAll()
    }

    private func run() {
        while true {
            let seen = moved.load()
            let (job, hasEnded) = state.withLock { state -> (UnownedJob?, Bool) in
                state.isBusy = !state.jobs.isEmpty
                return (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.hasEnded)
            }
            if let job {
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else if hasEnded {
                return
            } else {
                moved.wait(while: seen)
            }
        }
    }
}
