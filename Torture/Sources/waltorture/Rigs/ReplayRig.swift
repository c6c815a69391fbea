import CTorture
import Glibc

/// Records every write and flush that a file system sends to its disk while a log is written, then builds disks as power cuts
/// could have left them, mounts each, and checks the log on it.
struct ReplayRig {
    private static let attribute = "user.blocklog"

    private var rig: Rig
    /// Where the recording file system is mounted, and the loop device that is put on its files.
    private let recorder: String
    private let device: String
    private let type: String
    private let statesOfARecording: UInt64 = 125
    /// A recording takes a second or two.
    private let recordingLongest = 30_000

    init(_ arguments: Arguments) throws(Arguments.Misuse) {
        rig = try Rig(arguments)
        recorder = try arguments.text("recorder")
        device = try arguments.text("device")
        type = try arguments.text("type")
    }

    mutating func run() throws -> CInt {
        try command("origin")
        for group in rig.groups() {
            if rig.isLast(group) { break }
            let log = KilledLog(path: "\(rig.folder)/log", seed: SplitMix.mixed(rig.seed, group))
            let flushes = try record(log, rig.place(group, 0))
            try replay(log, flushes, group)
        }
        return rig.tally.finish()
    }

    /// Runs a life; returns how many flushes were recorded.
    private mutating func record(_ log: KilledLog, _ place: String) throws -> UInt64 {
        try RigFailure.check(torture_attach(device, recorder + "/disk"), "attaching \(device)")
        try command("record")
        try RigFailure.check(torture_mount(device, rig.folder, type), "mounting the recorded disk")
        var log = log
        var child = try log.start(rig, steps: 150, mapped: true, reopens: false, report: recorder + "/mark")
        let code = try child.wait(milliseconds: recordingLongest)
        if code != Child.Ending.done {
            let ending = code.map { "ended with \($0)" } ?? "hangs"
            rig.tally.add(.wrong("the process \(ending): \(child.complaint())"), at: place)
        }
        try command("stop")
        try RigFailure.check(torture_unmount(rig.folder), "unmounting the recorded disk")
        try RigFailure.check(torture_attach(device, recorder + "/state"), "attaching \(device)")
        var text = [CChar](repeating: 0, count: 32)
        try RigFailure.check(torture_status(recorder, Self.attribute, &text, text.count), "asking blocklog")
        let digits = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        guard let flushes = UInt64(String(decoding: digits, as: UTF8.self)) else {
            throw RigFailure("blocklog counts no flushes")
        }
        rig.tally.count("recordings")
        rig.tally.count("flushes", flushes)
        return flushes
    }

    private mutating func replay(_ log: KilledLog, _ flushes: UInt64, _ group: UInt64) throws {
        let marks = try readMarks()
        var generator = SplitMix(log.seed, 8)
        let count = min(statesOfARecording, rig.rounds - rig.tally.rounds)
        // The recorder applies its log in order, once.
        // Before the first flush the file system's own superblock is in flight, and a torn one can't be mounted.
        guard flushes > 0 else { return }
        let chosen = (0..<count).map { _ in generator.pick(1...flushes) }.sorted()
        var log = log
        var taken = 0
        for flush in chosen where !rig.isOver {
            // What was acknowledged before the next flush was logged rested on this one or an earlier one.
            while taken < marks.count, marks[taken].flushes <= flush {
                log.note(marks[taken].mark)
                taken += 1
            }
            let keep = generator.pick([0, 25, 50, 50, 75, 100])
            try command("state \(flush) \(generator.next() >> 1) \(keep)")
            try RigFailure.check(torture_mount(device, rig.folder, type), "mounting the state after flush \(flush)")
            rig.tally.rounds += 1
            _ = rig.check(
                log.checker(mapped: true), survived: .powerCut, keepsAll: generator.chance(20),
                at: rig.place(group, flush))
            try RigFailure.check(torture_unmount(rig.folder), "unmounting a state")
        }
    }

    private func readMarks() throws(RigFailure) -> [(flushes: UInt64, mark: Mark)] {
        let size = 8 + Mark.size
        let file = open(recorder + "/marks", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw RigFailure("the marks can't be read") }
        defer { close(file) }
        var bytes: [UInt8] = []
        while true {
            let part = [UInt8](unsafeUninitializedCapacity: size << 10) { buffer, count in
                count = max(0, read(file, buffer.baseAddress, size << 10))
            }
            if part.isEmpty { break }
            bytes += part
        }
        return bytes.withUnsafeBytes { all in
            stride(from: 0, to: all.count, by: size).compactMap { at in
                let mark = Mark(UnsafeRawBufferPointer(rebasing: all[(at + 8)...]))
                return mark.map { (all.loadUnaligned(fromByteOffset: at, as: UInt64.self), $0) }
            }
        }
    }

    private func command(_ text: String) throws(RigFailure) {
        try RigFailure.check(torture_command(recorder, Self.attribute, text), "telling blocklog: \(text)")
    }
}
