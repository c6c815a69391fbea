import WalSimulation

/// What the marks before a crash say must be found after it. Many states share it.
struct Expectation {
    let history: History
    let checkpoints: CheckpointHistory
    let markCount: Int

    init(_ marks: ArraySlice<TraceMark>) {
        history = History(marks)
        checkpoints = CheckpointHistory(marks)
        markCount = marks.count
    }
}
