/// One log and its lives, whatever ends them.
struct KilledLog {
    let path: String
    let seed: UInt64
    private(set) var history = History()
    private(set) var life: UInt64 = 0

    init(path: String, seed: UInt64) {
        self.path = path
        self.seed = seed
    }

    /// Starts the next life.
    mutating func start(_ rig: Rig, steps: UInt64, mapped: Bool, reopens: Bool, report: String? = nil) throws -> Child {
        life += 1
        return try Child(
            [
                "life", "--log", path, "--seed", "\(seed)", "--life", "\(life)", "--steps", "\(steps)",
                "--generation", "\(history.newestGeneration)", "--mapped", mapped ? "1" : "0",
                "--reopens", reopens ? "1" : "0", "--checkpoint", "\(history.checkpoints.newestNumber)",
            ], report: report, errors: rig.errors)
    }

    mutating func note(_ mark: Mark) { history.apply(mark) }

    mutating func found(_ finding: Checker.Finding) {
        history.found(last: finding.last, isDurable: finding.isDurable)
    }

    /// - Parameter mapped: whether events may be read through a map.
    func checker(mapped: Bool) -> Checker {
        Checker(
            path: path, shape: LogShape(seed: seed, life: life << 32, access: mapped ? nil : .read), history: history)
    }
}
