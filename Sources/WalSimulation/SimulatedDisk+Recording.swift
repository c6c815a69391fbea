extension SimulatedDisk {
    /// Starts a new trace from the disk as it is now, dropping one that was being recorded.
    ///
    /// - Parameter marks: Those of earlier lives, which states of this trace then have before their own.
    package func startRecording(after marks: some Sequence<TraceMark> = []) {
        let marks = Array(marks)
        withState { state in
            state.recording = DiskTrace(base: state.crashable.withoutHandles(), earlierMarks: marks)
        }
    }

    /// Notes something in the trace, if one is being recorded.
    package func mark(_ mark: TraceMark) {
        withState { $0.recording?.events.append(.mark(mark)) }
    }

    /// Ends the recording; nil if there was none.
    package func stopRecording() -> DiskTrace? {
        withState { state in
            let trace = state.recording
            state.recording = nil
            return trace
        }
    }

    /// The marks of the trace so far, without those of earlier lives.
    package var recordedMarks: [TraceMark] {
        withState { state in
            state.recording?.events.compactMap { if case .mark(let mark) = $0 { mark } else { nil } } ?? []
        }
    }

    /// The trace so far, while the recording goes on; nil if there is none.
    package var recordedTrace: DiskTrace? {
        withState { $0.recording }
    }
}

extension SimulatedDisk {
    /// Makes the disk that a trace began with.
    package convenience init(atStartOf trace: DiskTrace) {
        self.init(trace.base)
    }

    /// Does again what was recorded, on the disk that the trace began with and on which all before the range was done again.
    package func repeatEvents(_ range: Range<Int>, of trace: DiskTrace) throws {
        try withState { state in
            for case .operation(let operation) in trace.events[range] { try state.model.apply(operation) }
        }
    }
}
