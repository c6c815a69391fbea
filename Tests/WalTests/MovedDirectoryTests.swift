import Foundation
import SegmentStore
import Testing
import Wal
import WalPlatform
import WalSimulation

/// An open log is its directory, and not what its path leads to.
@Suite("A log whose directory is moved, replaced or removed", .serialized)
struct MovedDirectoryTests {
    /// What happens to the directory of an open log.
    enum Event: String, CaseIterable {
        case renamed, parentRenamed, switchedLink, restoredCopy, workingDirectoryChanged
    }

    /// Where a log is opened, and where its directory is before and after something happened to it.
    private final class Scene: Sendable {
        let directory: TemporaryDirectory
        let event: Event
        private var files: FileManager { .default }
        private let before = FileManager.default.currentDirectoryPath

        init(_ event: Event) throws {
            self.event = event
            directory = try TemporaryDirectory()
            for name in ["one", "two"] {
                try files.createDirectory(atPath: file(name), withIntermediateDirectories: true)
            }
            try files.createSymbolicLink(atPath: file("current"), withDestinationPath: file("one"))
            if event == .workingDirectoryChanged { #expect(files.changeCurrentDirectoryPath(file("one"))) }
        }

        deinit { _ = files.changeCurrentDirectoryPath(before) }

        func file(_ name: String) -> String { directory.path + "/" + name }

        /// The path by which both logs are opened, one before and one after it happened.
        var path: String {
            switch event {
            case .renamed, .restoredCopy, .parentRenamed: file("one/log")
            case .switchedLink: file("current/log")
            case .workingDirectoryChanged: "log"
            }
        }

        /// Where the first one is afterwards.
        var first: String {
            switch event {
            case .renamed, .restoredCopy: file("one/moved")
            case .parentRenamed: file("three/log")
            case .switchedLink, .workingDirectoryChanged: file("one/log")
            }
        }

        /// Where the second one is.
        var second: String {
            switch event {
            case .renamed, .restoredCopy, .parentRenamed: file("one/log")
            case .switchedLink, .workingDirectoryChanged: file("two/log")
            }
        }

        func happen() throws {
            switch event {
            case .renamed: try files.moveItem(atPath: path, toPath: first)
            case .restoredCopy:
                try files.moveItem(atPath: path, toPath: first)
                try files.copyItem(atPath: first, toPath: path)
            case .parentRenamed:
                try files.moveItem(atPath: file("one"), toPath: file("three"))
                try files.createDirectory(atPath: file("one"), withIntermediateDirectories: true)
            case .switchedLink:
                try files.removeItem(atPath: file("current"))
                try files.createSymbolicLink(atPath: file("current"), withDestinationPath: file("two"))
            case .workingDirectoryChanged: #expect(files.changeCurrentDirectoryPath(file("two")))
            }
        }
    }

    private static var options: WriteAheadLog.Options {
        var options = WriteAheadLog.Options()
        options.segmentSize = 16 << 10
        options.pollInterval = .milliseconds(1)...(.milliseconds(5))
        return options
    }

    private func digest(of directory: String) throws -> [String: Data] {
        var digest: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: directory) {
            digest[name] = FileManager.default.contents(atPath: directory + "/" + name) ?? Data()
        }
        return digest
    }

    private func append(_ count: Int, _ text: String, to log: WriteAheadLog) throws {
        for _ in 0..<count { try log.appendDurably([UInt8](text: text) + [UInt8](repeating: 46, count: 900)) }
    }

    private func texts(_ log: WriteAheadLog) throws -> [String] {
        try log.events().map { String(decoding: $0.payload.prefix { $0 != 46 }, as: UTF8.self) }
    }

    @Test(arguments: Event.allCases)
    func `Two writers that opened the same path keep to their own directories`(_ event: Event) throws {
        let scene = try Scene(event)
        let first = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(30, "old", to: first)
        try first.saveCheckpoint("c", at: 3)
        var iterator = try first.iterator()
        #expect(try iterator.nextOwned()?.lsn == 1)
        try scene.happen()
        let second = try WriteAheadLog.open(at: scene.path, options: Self.options)
        let restored = event == .restoredCopy ? 30 : 0
        #expect(second.lastLSN.rawValue == UInt64(restored))
        try append(50, "new", to: second)
        try second.rotate()
        try second.saveCheckpoint("c", at: 5)
        try second.shutdown()

        let before = try digest(of: scene.second)
        // Everything that gives, takes or changes names: rolls, sealing, compression, checkpoints, truncation, cuts, the close.
        try append(60, "old", to: first)
        try first.saveCheckpoint("c", at: 50)
        try first.saveCheckpoint("d", at: 51)
        try first.removeCheckpoint("d")
        #expect(try first.checkpoint("c").position.lsn == 50)
        try first.rotate()
        try first.compress()
        try first.truncate(before: 20)
        try first.truncate(after: 80)
        try append(10, "old", to: first)
        #expect(try first.verify().isIntact)
        // A reader goes on in the segment it is in, and hears at its end that the next has gone.
        var newest: LSN = 1
        #expect(code { while let event = try iterator.nextOwned() { newest = event.lsn } } == .truncated)
        #expect(newest < 40)
        #expect(first.durableLSN == 90)
        try first.shutdown()
        #expect(try digest(of: scene.second) == before)

        let old = try WriteAheadLog.open(at: scene.first, options: Self.options)
        #expect(old.recovery.outcome == .clean && old.lastLSN == 90)
        #expect(try texts(old) == [String](repeating: "old", count: 90 - Int(old.firstLSN.rawValue) + 1))
        #expect(try old.checkpoints().map(\.name) == ["c"])
        try old.shutdown()
        let new = try WriteAheadLog.open(at: scene.second, options: Self.options)
        #expect(new.recovery.outcome == .clean)
        #expect(
            try texts(new) == [String](repeating: "old", count: restored) + [String](repeating: "new", count: 50))
        try new.shutdown()
    }

    @Test(.hangGuard, arguments: Event.allCases)
    func `A follower of another process gives out all of its log, and then says that another is in its place`(
        _ event: Event
    ) throws {
        let scene = try Scene(event)
        let writer = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(5, "old", to: writer)
        var reading = Self.options
        reading.readOnly = true
        let reader = try WriteAheadLog.open(at: scene.path, options: reading)
        var follower = try reader.follow()
        for lsn in 1...5 as ClosedRange<UInt64> { #expect(try follower.nextOwned()?.lsn == LSN(lsn)) }
        try append(40, "old", to: writer)
        try writer.shutdown()
        let isRelative = event == .workingDirectoryChanged
        try scene.happen()
        let other = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(3, "new", to: other)
        for lsn in 6...45 as ClosedRange<UInt64> {
            let event = try follower.nextOwned()
            #expect(event?.lsn == LSN(lsn) && event?.payload.first == UInt8(ascii: "o"))
        }
        if isRelative {
            // What the path was when it was opened still leads to the log.
            #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(50)) } == .timedOut)
            #expect(code { _ = try reader.refresh() } == nil)
        } else {
            #expect(code { _ = try follower.nextOwned() } == .replaced)
            #expect(code { _ = try reader.refresh() } == .replaced)
        }
        #expect(try texts(reader).count == 45)
        try reader.close()
        try other.shutdown()
    }

    @Test(.hangGuard) func `A follower whose path leads nowhere goes on with its directory`() throws {
        let scene = try Scene(.renamed)
        let writer = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(1, "old", to: writer)
        var reading = Self.options
        reading.readOnly = true
        let reader = try WriteAheadLog.open(at: scene.path, options: reading)
        var follower = try reader.follow(delivering: .written)
        #expect(try follower.nextOwned()?.lsn == 1)
        try scene.happen()
        #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(50)) } == .timedOut)
        try append(20, "old", to: writer)
        for lsn in 2...21 as ClosedRange<UInt64> { #expect(try follower.nextOwned()?.lsn == LSN(lsn)) }
        // An empty directory in its place is no log either.
        try FileManager.default.createDirectory(atPath: scene.path, withIntermediateDirectories: true)
        #expect(code { _ = try follower.nextOwned(timeout: .milliseconds(50)) } == .timedOut)
        try writer.shutdown()
        try FileManager.default.removeItem(atPath: scene.first)
        #expect(code { _ = try follower.nextOwned() } == .directoryRemoved)
        try reader.close()
    }

    @Test(.hangGuard, arguments: [false, true])
    func `A writer whose directory is removed fails, and says so`(isIdle: Bool) throws {
        let scene = try Scene(.renamed)
        let log = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(3, "old", to: log)
        try FileManager.default.removeItem(atPath: scene.path)
        if isIdle {
            #expect(code { try log.shutdown() } == .directoryRemoved)
        } else {
            // At the next roll at the latest.
            #expect(code { try append(40, "old", to: log) } == .directoryRemoved)
            #expect(code { try log.append([1]) } == .directoryRemoved)
            #expect(code { try log.saveCheckpoint("c", at: 1) } == .directoryRemoved)
            #expect(log.state == .failed)
            #expect(code { try log.shutdown() } == .directoryRemoved)
        }
        // Nothing made it anew.
        #expect(!FileManager.default.fileExists(atPath: scene.path))
    }

    @Test(.hangGuard) func `A writer that never rolls notices within moments that its directory is gone`() throws {
        let scene = try Scene(.renamed)
        var options = Self.options
        options.segmentSize = 64 << 20
        let log = try WriteAheadLog.open(at: scene.path, options: options)
        try append(1, "old", to: log)
        try FileManager.default.removeItem(atPath: scene.path)
        var failure: WalError.Code?
        while failure == nil {
            failure = code { try append(1, "old", to: log) }
            SystemClock.sleep(nanoseconds: 5_000_000)
        }
        #expect(failure == .directoryRemoved)
        #expect(log.state == .failed)
        #expect(code { try log.shutdown() } == .directoryRemoved)
    }

    @Test(arguments: [false, true])
    func `A repair works in its own directory`(isLink: Bool) throws {
        let scene = try Scene(isLink ? .switchedLink : .renamed)
        let log = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(60, "old", to: log)
        try log.shutdown()
        let victim = try #require(
            FileManager.default.contentsOfDirectory(atPath: scene.path).filter { $0.hasSuffix(".seg") }.sorted()
                .dropFirst(2).first)
        let handle = try #require(FileHandle(forUpdatingAtPath: scene.path + "/" + victim))
        try handle.seek(toOffset: 6000)
        try handle.write(contentsOf: [1, 2, 3, 4])
        try handle.close()
        var options = Self.options
        options.recovery = .pointInTime
        options.deepRecovery = true
        let happened = Shared(0)
        options.storage = LogStorage(
            HookStorage(base: PosixStorage()) { operation, _ in
                // In the middle of it.
                guard operation == .create || operation == .rename, happened.value == 0 else { return }
                happened.value = 1
                try? scene.happen()
            })
        let repaired = try WriteAheadLog.open(at: scene.path, options: options)
        #expect(happened.value == 1)
        #expect(repaired.recovery.outcome == .pointInTime && !repaired.recovery.quarantined.isEmpty)
        try repaired.shutdown()
        #expect(!FileManager.default.fileExists(atPath: scene.second) || scene.second == scene.first)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scene.first + "/quarantine").sorted()
                == repaired.recovery.quarantined.sorted())
        let again = try WriteAheadLog.open(at: scene.first, options: Self.options)
        #expect(again.lastLSN == repaired.lastLSN)
        try again.shutdown()
    }

    @Test func `Salvage reads the directory it was given`() throws {
        let scene = try Scene(.renamed)
        let log = try WriteAheadLog.open(at: scene.path, options: Self.options)
        try append(60, "old", to: log)
        try log.shutdown()
        var count = 0
        try WriteAheadLog.salvage(at: FilePath(scene.path)) { hole in
            Issue.record("\(hole)")
        } _: { _ in
            if count == 0 { try scene.happen() }
            count += 1
            return .continue
        }
        #expect(count == 60)
    }
}
