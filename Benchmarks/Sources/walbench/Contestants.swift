import CFloor
import Foundation
import Synchronization
import Wal

/// Appends from one or more threads, ended by a flush to the operating system, and checks what is in the log afterwards.
struct AppendRun {
    var threads: Int
    var events: Int
    var size: Int

    /// This engine through its public API.
    func wal(_ directory: String, preallocation: Preallocation? = nil) throws -> Measurement {
        var options = WriteAheadLog.Options()
        options.sync = .never
        options.preallocation = preallocation
        let log = try WriteAheadLog.open(at: directory, options: options)
        let share = events / threads
        let time = try seconds {
            try inParallel { thread in
                var payload = Payload(size: size)
                for number in 0..<share {
                    try payload.with(UInt64(thread * share + number)) { _ = try log.append($0) }
                }
            }
            try log.flush()
        }
        try check(log, share: share)
        try log.shutdown()
        return Measurement(seconds: time, events: share * threads)
    }

    /// Every event is there once, and those of each thread are in its order.
    private func check(_ log: WriteAheadLog, share: Int) throws {
        var next = (0..<threads).map { UInt64($0 * share) }
        var count = 0
        try log.replay { event in
            let number = event.payload.unsafeLoadUnaligned(as: UInt64.self)
            let thread = Int(number) / share
            guard event.payload.byteCount == size, thread < next.count, next[thread] == number else {
                throw BenchmarkError.wrongContents("event \(event.lsn) is number \(number)")
            }
            next[thread] += 1
            count += 1
            return .continue
        }
        guard count == share * threads else {
            throw BenchmarkError.wrongContents("\(count) events of \(share * threads)")
        }
    }

    /// The floor, with its files growing (0), allocated (1) or prewritten (2).
    func floor(_ directory: String, preparation: Int32) throws -> Measurement {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        guard let log = floor_open(directory, 64 << 20, preparation) else { throw BenchmarkError.floor("open") }
        nonisolated(unsafe) let handle = log
        guard floor_prepare(log, UInt64(events) * UInt64(size + 8)) == 0 else { throw BenchmarkError.floor("prepare") }
        let share = events / threads
        let time = try seconds {
            try inParallel { thread in
                var payload = Payload(size: size)
                for number in 0..<share {
                    payload.with(UInt64(thread * share + number)) {
                        _ = floor_append(handle, $0.baseAddress, UInt32($0.count))
                    }
                }
            }
            guard floor_flush(log) == 0 else { throw BenchmarkError.floor("flush") }
        }
        floor_close(log)
        var digest: UInt64 = 0
        guard floor_replay(directory, &digest) == Int64(share * threads) else {
            throw BenchmarkError.wrongContents("floor")
        }
        return Measurement(seconds: time, events: share * threads)
    }

    private func inParallel(_ body: @escaping @Sendable (Int) throws -> Void) throws {
        guard threads > 1 else { return try body(0) }
        let failure = Mutex<(any Error)?>(nil)
        withoutActuallyEscaping(body) { body in
            let workers = (0..<threads).map { number in
                Thread {
                    do { try body(number) } catch { failure.withLock { $0 = error } }
                }
            }
            let started = workers.map { worker in
                worker.start()
                return worker
            }
            for worker in started { while !worker.isFinished { usleep(200) } }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// Replays a log from the page cache.
struct ReplayRun {
    var events: Int
    var size: Int

    func fill(wal directory: String) throws {
        var options = WriteAheadLog.Options()
        options.sync = .never
        let log = try WriteAheadLog.open(at: directory, options: options)
        var payload = Payload(size: size)
        for number in 0..<events { try payload.with(UInt64(number)) { _ = try log.append($0) } }
        try log.shutdown()
    }

    func fill(floor directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        guard let log = floor_open(directory, 64 << 20, 0) else { throw BenchmarkError.floor("open") }
        var payload = Payload(size: size)
        for number in 0..<events {
            payload.with(UInt64(number)) { _ = floor_append(log, $0.baseAddress, UInt32($0.count)) }
        }
        _ = floor_flush(log)
        floor_close(log)
    }

    func wal(_ directory: String, access: ReadAccess) throws -> Measurement {
        var options = WriteAheadLog.Options()
        options.readOnly = true
        options.readAccess = access
        let log = try WriteAheadLog.open(at: directory, options: options)
        var sum: UInt64 = 0
        var count = 0
        let time = try seconds {
            var iterator = try log.iterator()
            while let event = try iterator.next() {
                sum &+= event.payload.unsafeLoadUnaligned(as: UInt64.self)
                count += 1
            }
        }
        try check(sum, count)
        try log.close()
        return Measurement(seconds: time, events: count)
    }

    func walReplay(_ directory: String) throws -> Measurement {
        var options = WriteAheadLog.Options()
        options.readOnly = true
        let log = try WriteAheadLog.open(at: directory, options: options)
        var sum: UInt64 = 0
        var count = 0
        let time = try seconds {
            try log.replay { event in
                sum &+= event.payload.unsafeLoadUnaligned(as: UInt64.self)
                count += 1
                return .continue
            }
        }
        try check(sum, count)
        try log.close()
        return Measurement(seconds: time, events: count)
    }

    func floor(_ directory: String) throws -> Measurement {
        var digest: UInt64 = 0
        var count: Int64 = 0
        let time = seconds { count = floor_replay(directory, &digest) }
        try check(digest, Int(count))
        return Measurement(seconds: time, events: Int(count))
    }

    private func check(_ sum: UInt64, _ count: Int) throws {
        guard count == events, sum == UInt64(events) * UInt64(events - 1) / 2 else {
            throw BenchmarkError.wrongContents("replayed \(count) events, digest \(sum)")
        }
    }
}
