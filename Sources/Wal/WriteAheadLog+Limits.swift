internal import SegmentStore

extension WriteAheadLog {
    /// The most bytes an event or a batch may take in the log, its lengths and parts included.
    package var largestUnit: Int { queue.largestUnit }

    /// The longest payload that goes into the log together with meta of that length.
    package func largestPayload(meta: Int?) -> Int {
        let room = largestUnit - (Record.size(payload: 0, meta: meta, key: nil, timestamp: false))
        // A payload from this length on has it in four bytes of its own.
        guard room >= Record.headLengthLimit else { return max(0, room) }
        return max(Record.headLengthLimit - 1, room - 4)
    }
}
