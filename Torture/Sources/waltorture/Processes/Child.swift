import CTorture
import Glibc

/// A failure of the rig itself, or of the machine.
struct RigFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }

    /// Turns a negative error number into an error.
    @discardableResult
    static func check(_ result: CInt, _ what: String) throws(RigFailure) -> CInt {
        guard result < 0 else { return result }
        throw RigFailure("\(what): \(String(cString: strerror(-result)))")
    }
}

/// A process that writes to a log, and reports on it through a pipe.
struct Child {
    /// How a process ends that did what it was to do; that found an error a bad disk may cause; that found one that no disk
    /// may cause.
    enum Ending {
        static let done: CInt = 0
        static let stopped: CInt = 3
        static let violated: CInt = 4
        static let killed: CInt = 128 + 9
    }

    private let process: CInt
    private var report: CInt
    private var pending: [UInt8] = []
    private let errorPath: String

    /// Starts this program again.
    ///
    /// - Parameters:
    ///   - arguments: its subcommand and options.
    ///   - report: a file that takes the marks; nil: a pipe to here.
    ///   - errors: a file for what it says on standard error.
    init(_ arguments: [String], report file: String? = nil, errors: String) throws(RigFailure) {
        errorPath = errors
        let errorFile = try RigFailure.check(openFile(errors, O_WRONLY | O_CREAT | O_TRUNC), "opening \(errors)")
        defer { close(errorFile) }
        let target: CInt
        if let file {
            report = -1
            target = try RigFailure.check(openFile(file, O_WRONLY), "opening \(file)")
        } else {
            var ends: [CInt] = [-1, -1]
            try RigFailure.check(torture_pipe(&ends), "making a pipe")
            (report, target) = (ends[0], ends[1])
        }
        defer { close(target) }
        let words = ["/proc/self/exe"] + arguments
        var pointers = words.map { UnsafePointer(strdup($0)) }
        pointers.append(nil)
        defer { for pointer in pointers { free(UnsafeMutablePointer(mutating: pointer)) } }
        process = try RigFailure.check(torture_start(pointers, target, errorFile), "starting a process")
    }

    /// Takes in what it reports until it ends or the time is over; returns whether it has ended.
    mutating func listen(milliseconds: Int, _ take: (Mark) -> Void) throws(RigFailure) -> Bool {
        let deadline = Stopwatch.milliseconds() + milliseconds
        while true {
            let left = deadline - Stopwatch.milliseconds()
            let isReady = try RigFailure.check(torture_poll(report, CInt(max(0, left))), "waiting for a process")
            if isReady == 0 { return false }
            if try read(take) { return true }
        }
    }

    /// Takes in what is there already.
    mutating func drain(_ take: (Mark) -> Void) throws(RigFailure) {
        while try RigFailure.check(torture_poll(report, 0), "looking at a pipe") > 0 {
            if try read(take) { return }
        }
    }

    private mutating func read(_ take: (Mark) -> Void) throws(RigFailure) -> Bool {
        let room = 64 << 10
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = max(0, Glibc.read(report, buffer.baseAddress, room))
        }
        if bytes.isEmpty { return true }
        pending += bytes
        var used = 0
        pending.withUnsafeBytes { all in
            while used + Mark.size <= all.count {
                if let mark = Mark(UnsafeRawBufferPointer(rebasing: all[used...])) { take(mark) }
                used += Mark.size
            }
        }
        pending.removeFirst(used)
        return false
    }

    func kill() { torture_kill(process) }

    /// Stops all its threads where they are.
    func stop() throws(RigFailure) { try RigFailure.check(torture_stop(process), "stopping a process") }

    /// Waits for its end and returns how it ended.
    mutating func wait() throws(RigFailure) -> CInt {
        let ending = try RigFailure.check(torture_wait(process), "waiting for the end of a process")
        if report >= 0 { close(report) }
        report = -1
        return ending
    }

    /// The same; nil if it had to be killed when the time was over.
    mutating func wait(milliseconds: Int) throws(RigFailure) -> CInt? {
        let deadline = Stopwatch.milliseconds() + milliseconds
        while try RigFailure.check(torture_has_ended(process), "looking at a process") == 0 {
            guard Stopwatch.milliseconds() < deadline else {
                kill()
                _ = try wait()
                return nil
            }
            usleep(10_000)
        }
        return try wait()
    }

    /// What it said on standard error.
    func complaint() -> String {
        let file = openFile(errorPath, O_RDONLY)
        guard file >= 0 else { return "" }
        defer { close(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, Glibc.read(file, buffer.baseAddress, 4096))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Opens a file that programs started from here don't inherit; a negative error number on failure.
private func openFile(_ path: String, _ flags: CInt) -> CInt {
    let file = open(path, flags | O_CLOEXEC, 0o600)
    return file < 0 ? -errno : file
}

/// Time since some moment.
enum Stopwatch {
    static func milliseconds() -> Int {
        let elapsed = ContinuousClock.now - start
        return Int(elapsed.components.seconds) * 1000 + Int(elapsed.components.attoseconds / 1_000_000_000_000_000)
    }

    private static let start = ContinuousClock.now
}
