/// Makes every disk that a crash at any point of a trace can leave, up to a cap per point, and shows each to a visitor.
///
/// The visitor gets a disk of its own: it may recover on it, record, and explore that recording too (further lives).
/// A run depends on nothing but the trace and the options.
package struct CrashExplorer: Sendable {
    package struct Options: Sendable {
        /// The most states of one crash point.
        ///
        /// Up to this many combinations are all visited; of more, the extremes
        /// (none, all, all but one, only one) and then random ones.
        package var statesPerPoint = 128
        /// Seeds the random ones.
        package var seed: UInt64 = 1
        /// Leaves out points whose states, with the same marks, are all visited at the next point.
        package var skipsCoveredPoints = true
        /// Leaves out states whose disk was visited at another point with nothing promised in between, and what came just
        /// before a promise: the same disks, of which less must hold.
        package var skipsRepeatedStates = false
        /// Leaves out, with them, the disk that the trace begins with: it is a state that was visited already.
        package var beginsWithVisitedDisk = false

        package init(
            statesPerPoint: Int = 128, seed: UInt64 = 1, skipsCoveredPoints: Bool = true,
            skipsRepeatedStates: Bool = false, beginsWithVisitedDisk: Bool = false
        ) {
            self.statesPerPoint = max(statesPerPoint, 4)
            self.seed = seed
            self.skipsCoveredPoints = skipsCoveredPoints
            self.skipsRepeatedStates = skipsRepeatedStates
            self.beginsWithVisitedDisk = beginsWithVisitedDisk
        }
    }

    /// What an exploration has seen.
    package struct Report: Sendable, Hashable {
        /// States shown to the visitor.
        package var states = 0
        /// Crash points visited, and those of them of which every state was.
        package var points = 0
        package var exhaustivePoints = 0
        /// Crash points left out because the next one has all their states.
        package var coveredPoints = 0
        /// States left out because an equal disk was visited, with nothing promised since.
        package var repeatedStates = 0

        package init() {}
    }

    /// One possible disk after a crash.
    package struct State: Sendable {
        package let disk: SimulatedDisk
        /// The caller's marks before the crash, those of earlier lives first.
        package let marks: ArraySlice<TraceMark>
        /// How to make this state again.
        package let point: CrashPoint
    }

    package typealias Visitor = (State) throws -> Void

    package let trace: DiskTrace
    package let options: Options
    private let marks: [TraceMark]

    package init(_ trace: DiskTrace, options: Options = Options()) {
        self.trace = trace
        self.options = options
        marks =
            trace.earlierMarks
            + trace.events.compactMap { if case .mark(let mark) = $0 { mark } else { nil } }
    }

    /// Visits the states of all points.
    ///
    /// What the visitor throws ends it, wrapped in a `CrashFailure` with the text that
    /// `replay` takes.
    package func explore(_ visit: Visitor) throws -> Report {
        var report = Report()
        var model = trace.base
        var markCount = trace.earlierMarks.count
        var seen = SeenStates()
        var plan = ChoicePlan(model)
        if options.beginsWithVisitedDisk, plan.combinations == 1 {
            var vector = plan.noneVector
            _ = seen.insert(plan.settledImage(&vector))
        }
        // Whether every state of this point was visited at an earlier one.
        var isVisited = false
        for count in 0...trace.events.count {
            let event = count < trace.events.count ? trace.events[count] : nil
            var next: ChoicePlan?
            var isCovered = options.skipsRepeatedStates && isVisited
            if case .operation(let operation)? = event {
                try model.apply(operation)
                let following = ChoicePlan(model)
                next = following
                if options.skipsCoveredPoints, operation.onlyAddsStates, isExhaustive(following) { isCovered = true }
                if !operation.onlyRemovesStates { isVisited = false }
            }
            if options.skipsRepeatedStates, case .mark(let mark)? = event, !mark.isPermission { isCovered = true }
            if isCovered {
                report.coveredPoints += 1
            } else {
                try explore(plan, events: count, marks: marks[..<markCount], &seen, &report, visit)
                if isExhaustive(plan), event?.addsNoState == true { isVisited = true }
            }
            if case .mark(let mark)? = event {
                markCount += 1
                if !mark.isPermission {
                    seen.removeAll()
                    isVisited = false
                }
            }
            if let next { plan = next }
        }
        return report
    }

    /// Makes the state of a text again, which must come from an equal trace with equal options.
    package func replay(_ text: String) throws -> State {
        guard let point = CrashPoint(text), point.events <= trace.events.count else {
            throw UnknownCrashPoint(text: text)
        }
        var model = trace.base
        var markCount = trace.earlierMarks.count
        for event in trace.events.prefix(point.events) {
            switch event {
            case .mark: markCount += 1
            case .operation(let operation): try model.apply(operation)
            }
        }
        let plan = ChoicePlan(model)
        guard var vector = plan.vector(point.choice) else { throw UnknownCrashPoint(text: text) }
        let image = plan.settledImage(&vector)
        return State(disk: SimulatedDisk(image), marks: marks[..<markCount], point: point)
    }

    private func isExhaustive(_ plan: ChoicePlan) -> Bool {
        plan.combinations <= options.statesPerPoint
    }

    private func explore(
        _ plan: ChoicePlan, events: Int, marks: ArraySlice<TraceMark>, _ seen: inout SeenStates,
        _ report: inout Report, _ visit: Visitor
    ) throws {
        report.points += 1
        if options.skipsRepeatedStates { seen.know(plan) }
        let show = { (image: DiskModel, choice: CrashPoint.Choice) throws in
            if options.skipsRepeatedStates, !seen.insert(image) {
                report.repeatedStates += 1
                return
            }
            let point = CrashPoint(events: events, choice: choice)
            do {
                try visit(State(disk: SimulatedDisk(image), marks: marks, point: point))
            } catch {
                throw CrashFailure(point: point, underlying: error, statesBefore: report.states)
            }
            report.states += 1
        }
        if isExhaustive(plan) {
            report.exhaustivePoints += 1
            try exhaust(plan, show)
        } else {
            try sample(plan, events: events, show)
        }
    }

    private func exhaust(_ plan: ChoicePlan, _ show: (DiskModel, CrashPoint.Choice) throws -> Void) throws {
        var vector = [Int](repeating: 0, count: plan.points.count)
        var names = plan.named(vector)
        var areNamesPossible = true
        while true {
            if areNamesPossible {
                var canonical = vector
                // Another vector gives the same disk: it is the one that counts.
                if !plan.canonicalizeFiles(&canonical, named: names) {
                    try show(plan.image(vector, named: names), .values(vector))
                }
            }
            guard let changed = plan.advance(&vector) else { return }
            if changed < plan.namePoints {
                var canonical = vector
                areNamesPossible = !plan.canonicalizeNames(&canonical)
                if areNamesPossible { names = plan.named(vector) }
            }
        }
    }

    private func sample(
        _ plan: ChoicePlan, events: Int, _ show: (DiskModel, CrashPoint.Choice) throws -> Void
    ) throws {
        var seen: Set<[Int]> = []
        var generator = SeededGenerator(seed: options.seed &+ UInt64(events) &* 0x9E37_79B9)
        func offer(_ choice: CrashPoint.Choice) throws {
            guard var vector = plan.vector(choice) else { return }
            let image = plan.settledImage(&vector)
            if seen.insert(vector).inserted { try show(image, choice) }
        }
        try offer(.none)
        try offer(.all)
        var single = Array(plan.points.indices)
        // With very many points a sample of the singles leaves room for the random ones.
        if single.count > options.statesPerPoint / 4 {
            single.shuffle(using: &generator)
            single.removeSubrange((options.statesPerPoint / 4)...)
        }
        for point in single {
            try offer(.allBut(point))
            try offer(.only(point))
        }
        // Few distinct states may be left, so trying ends too.
        var attempts = 8 * options.statesPerPoint
        while seen.count < options.statesPerPoint, attempts > 0 {
            attempts -= 1
            try offer(.random(generator.next() >> 32))
        }
    }
}
