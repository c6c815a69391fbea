/// Makes the disks that a power cut leaves where the device had lied once, at any sync of a trace and about any sector.
package struct DeviceFaultExplorer: Sendable {
    package struct State: Sendable {
        package let disk: SimulatedDisk
        package let marks: ArraySlice<TraceMark>
        package let fault: DeviceFault
        /// Where in the trace the power failed.
        package let events: Int
    }

    package let trace: DiskTrace
    private let marks: [TraceMark]

    package init(_ trace: DiskTrace) {
        self.trace = trace
        marks =
            trace.earlierMarks
            + trace.events.compactMap { if case .mark(let mark) = $0 { mark } else { nil } }
    }

    /// All faults there can be, but for where a misplaced sector ends up: of that, its neighbours, the start of its file, and
    /// the same place and the start of every other file.
    package func faults() throws -> [DeviceFault] {
        var faults: [DeviceFault] = []
        var model = trace.base
        for (index, event) in trace.events.enumerated() {
            guard case .operation(let operation) = event else { continue }
            if case .sync(let id) = operation, let node = model.files[id] {
                if !node.sectors.isEmpty || !node.sizes.isEmpty {
                    faults.append(DeviceFault(event: index, kind: .lyingSync))
                }
                for sector in node.sectors.keys.sorted() {
                    faults.append(DeviceFault(event: index, kind: .lostWrite(sector: sector)))
                    for place in places(for: sector, of: id, in: model) {
                        faults.append(DeviceFault(event: index, kind: .misdirectedWrite(sector: sector, to: place)))
                        faults.append(DeviceFault(event: index, kind: .duplicateWrite(sector: sector, to: place)))
                    }
                }
            }
            try model.apply(operation)
        }
        return faults
    }

    private func places(for sector: Int, of id: Int, in model: DiskModel) -> [DeviceFault.Place] {
        var places = [sector - 1, sector + 1, 0].map { DeviceFault.Place(file: id, sector: $0) }
        for (other, _) in model.reachableFiles where other != id {
            places += [sector, 0].map { DeviceFault.Place(file: other, sector: $0) }
        }
        return places.filter { place in
            guard let node = model.files[place.file], place != .init(file: id, sector: sector) else { return false }
            let size = place.file == id ? node.content.size : node.durable.size
            return place.sector >= 0 && place.sector * model.sectorSize < size
        }
    }

    /// Shows the disks after a fault: power cuts just behind the sync, some way on, and at the end of the trace, each of which
    /// keeps nothing or everything else of what was in flight. Returns how many.
    package func explore(_ fault: DeviceFault, _ visit: (State) throws -> Void) throws -> Int {
        var states = 0
        var model = trace.base
        var markCount = trace.earlierMarks.count
        // Behind the mark of what was reported durable, if any follows at once.
        let points: Set<Int> = [
            min(fault.event + 2, trace.events.count), min(fault.event + 9, trace.events.count), trace.events.count,
        ]
        for (index, event) in trace.events.enumerated() {
            switch event {
            case .mark: markCount += 1
            case .operation(.sync(let id)) where index == fault.event: model.sync(id, fault.kind)
            case .operation(let operation): try model.apply(operation)
            }
            guard index >= fault.event, points.contains(index + 1) else { continue }
            let plan = ChoicePlan(model)
            for vector in [plan.noneVector, plan.allVector] {
                var vector = vector
                let disk = SimulatedDisk(plan.settledImage(&vector))
                try visit(State(disk: disk, marks: marks[..<markCount], fault: fault, events: index + 1))
                states += 1
            }
        }
        return states
    }
}
