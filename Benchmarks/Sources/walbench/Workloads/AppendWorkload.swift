import CFloor

/// W1 to W4: appends without fsync from one or more threads, from the first append to the end of a flush to the operating
/// system, then reads everything back and compares.
struct AppendWorkload: LogTask {
    var threads: Int
    var size: Int
    /// Events in a batch; 1 for single appends.
    var batch: Int
    /// Events in all.
    var events: Int

    func callAsFunction<Log: BenchLog>(_ log: Log) throws -> Sample {
        let share = max(events / threads / batch * batch, batch)
        let (size, batch) = (self.size, self.batch)
        Machine.resetPeak()
        let time = try seconds {
            try inParallel(threads) { thread in
                let first = UInt64(thread * share)
                if batch == 1 {
                    var payload = Payload(size: size)
                    for number in first..<first + UInt64(share) {
                        try payload.with(number) { try log.append($0) }
                    }
                } else {
                    var payloads = BatchPayload(size: size, count: batch)
                    for index in 0..<share / batch {
                        try payloads.with(first + UInt64(index * batch)) { try log.appendBatch($0, size: size) }
                    }
                }
            }
            try log.flush()
        }
        var sample = Sample(nanosecondsPerEvent: time * 1e9 / Double(share * threads))
        sample.values["seconds"] = time
        sample.peakBytes = Machine.peakBytes
        var check = ContentsCheck(threads: threads, share: share, size: size)
        try log.replay { check.see($0) }
        try check.end(expected: share * threads)
        try log.close()
        return sample
    }
}

/// The payloads of one batch, behind each other.
struct BatchPayload {
    private let size: Int
    private let count: Int
    private var bytes: [UInt8] = []

    init(size: Int, count: Int) {
        self.size = size
        self.count = count
        var payload = Payload(size: size)
        for _ in 0..<count { payload.with(0) { bytes.append(contentsOf: $0) } }
    }

    /// The payloads of the numbers from `first` on; the buffer is reused for the next.
    @inline(__always)
    mutating func with(_ first: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeMutableBytes { buffer in
            for index in 0..<count {
                buffer.storeBytes(of: first + UInt64(index), toByteOffset: index * size, as: UInt64.self)
            }
            try body(UnsafeRawBufferPointer(buffer))
        }
    }
}
