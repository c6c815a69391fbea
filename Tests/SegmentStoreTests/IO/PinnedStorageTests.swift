import Foundation
import SegmentStore
import Testing
import WalPlatform
import WalSimulation

/// A storage that is pinned to a directory works in that very one, whatever becomes of its path.
@Suite("Storage pinned to a directory")
struct PinnedStorageTests {
    @Test(
        "goes on in its directory when that is renamed, and leaves the one at its old path alone",
        arguments: MovableDisk.Kind.allCases)
    func renamed(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let pinned = try disk.pinned("log", making: true)
        #expect(pinned.isMade)
        let storage = pinned.files
        let (log, folder) = (disk.path("log"), disk.path("log/checkpoints"))
        for name in ["a", "b"] { try storage.create(log + "/" + name).close() }
        try storage.createDirectory(folder)
        try storage.create(folder + "/c").close()

        try disk.move("log", to: "moved")
        let other = try disk.pinned("log", making: true)
        #expect(other.isMade)
        for name in ["a", "b", "x"] { try other.files.create(log + "/" + name).close() }
        try other.files.createDirectory(folder)
        try other.files.create(folder + "/c").close()
        let before = try disk.contents("log")

        #expect(try storage.list(log).sorted() == ["a", "b", "checkpoints"])
        #expect(failure { try storage.open(log + "/x", .readOnly) }?.isNotFound == true)
        try storage.create(log + "/new").write(at: 0, [1])
        try storage.open(log + "/a", .readWrite).write(at: 0, [2])
        try storage.rename(log + "/b", to: folder + "/b")
        try storage.rename(folder + "/c", to: log + "/d")
        try storage.unlink(folder + "/b")
        try storage.createDirectory(log + "/quarantine")
        try storage.syncDirectory(log)
        try storage.syncDirectory(folder)
        try pinned.directory.syncParent()
        #expect(try storage.list(folder).isEmpty)
        #expect(try disk.storage.list(disk.path("moved")).sorted() == ["a", "checkpoints", "d", "new", "quarantine"])
        #expect(try disk.contents("log") == before)
        #expect(try disk.contents("moved")[disk.path("moved/a")] == [2])
    }

    @Test("refuses every path that is not below its directory", arguments: MovableDisk.Kind.allCases)
    func elsewhere(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let storage = try disk.pinned("log", making: true).files
        _ = try disk.pinned("log2", making: true)
        for path in [disk.path("log2/a"), disk.path("other"), disk.path("logs"), "a"] {
            #expect(failure { try storage.create(path) }?.errno == ErrorNumber.invalidArgument)
            #expect(failure { try storage.unlink(path) }?.errno == ErrorNumber.invalidArgument)
            #expect(failure { try storage.lock(path) }?.errno == ErrorNumber.invalidArgument)
        }
    }

    @Test("tells what has become of its path", arguments: MovableDisk.Kind.allCases)
    func whereabouts(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let directory = try disk.pinned("log", making: true).directory
        #expect(try directory.whereabouts() == .inPlace)
        try disk.move("log", to: "moved")
        #expect(try directory.whereabouts() == .elsewhere)
        let other = try disk.pinned("log", making: true)
        // What is there may become anything.
        #expect(try directory.whereabouts() == .elsewhere)
        try other.files.create(disk.path("log/LOG")).close()
        #expect(try directory.whereabouts() == .replaced)
        #expect(try !directory.isRemoved())
        try disk.remove("moved")
        #expect(try directory.isRemoved())
        #expect(try directory.whereabouts() == .replaced)
        try disk.remove("log")
        #expect(try directory.whereabouts() == .removed)
        #expect(failure { try disk.pinned("log") }?.isNotFound == true)
    }

    @Test("comes home when its directory does", arguments: MovableDisk.Kind.allCases)
    func broughtBack(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let pinned = try disk.pinned("log", making: true)
        try disk.move("log", to: "away")
        try disk.move("away", to: "log")
        #expect(try pinned.directory.whereabouts() == .inPlace)
        try pinned.files.create(disk.path("log/a")).close()
        #expect(try disk.storage.list(disk.path("log")) == ["a"])
    }

    @Test("says that its directory is gone, whatever is asked of it", arguments: MovableDisk.Kind.allCases)
    func removed(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let storage = try disk.pinned("log", making: true).files
        let log = disk.path("log")
        try storage.create(log + "/a").close()
        try storage.createDirectory(log + "/folder")
        try disk.remove("log")
        let refusals = [
            failure { try storage.names(in: log) }, failure { try storage.create(log + "/b") },
            failure { try storage.open(log + "/a", .readOnly) }, failure { try storage.unlink(log + "/a") },
            failure { try storage.rename(log + "/a", to: log + "/b") },
            failure { try storage.createDirectory(log + "/d") },
            failure { try storage.lock(log + "/LOCK") }, failure { try storage.open(log + "/folder/c", .readOnly) },
            failure { try storage.create(log + "/folder/c") }, failure { try storage.names(in: log + "/folder") },
        ]
        for (number, refusal) in refusals.enumerated() {
            #expect(refusal?.problem == .directoryRemoved, "call \(number): \(String(describing: refusal))")
            #expect(refusal?.isNotFound == false)
            #expect(refusal?.wal("work").code == .directoryRemoved)
        }
    }

    @Test("removes the directory that was made for it, and no other", arguments: MovableDisk.Kind.allCases)
    func removing(_ kind: MovableDisk.Kind) throws {
        let disk = try MovableDisk(kind)
        let directory = try disk.pinned("log", making: true).directory
        try disk.move("log", to: "moved")
        _ = try disk.pinned("log", making: true)
        try directory.remove()
        #expect(try disk.storage.list(disk.path("log")).isEmpty)
        #expect(try disk.storage.list(disk.path("moved")).isEmpty)
        try disk.remove("log")
        try disk.move("moved", to: "log")
        try directory.remove()
        #expect(try directory.isRemoved())
    }

    // MARK: What only a kernel shows

    @Test("a link that is turned, and a directory above that is renamed, change nothing")
    func switchedLink() throws {
        let disk = try MovableDisk(.real)
        let files = FileManager.default
        for name in ["one", "two"] {
            try files.createDirectory(atPath: disk.path(name), withIntermediateDirectories: true)
        }
        try files.createSymbolicLink(atPath: disk.path("current"), withDestinationPath: disk.path("one"))
        let first = try disk.pinned("current/log", making: true)
        try files.removeItem(atPath: disk.path("current"))
        try files.createSymbolicLink(atPath: disk.path("current"), withDestinationPath: disk.path("two"))
        let second = try disk.pinned("current/log", making: true)
        try first.files.create(disk.path("current/log/LOG")).close()
        #expect(try first.directory.whereabouts() == .elsewhere)
        #expect(try second.files.list(disk.path("current/log")).isEmpty)
        try files.moveItem(atPath: disk.path("two"), toPath: disk.path("three"))
        try second.files.create(disk.path("current/log/LOG")).close()
        #expect(try files.contentsOfDirectory(atPath: disk.path("one/log")) == ["LOG"])
        #expect(try files.contentsOfDirectory(atPath: disk.path("three/log")) == ["LOG"])
    }

    @Test("two paths that differ in bytes which are no UTF-8 are two directories")
    func bytes() throws {
        let disk = try MovableDisk(.real)
        let paths = [0xFF, 0xFE].map { byte -> DirectoryPath in
            let bytes = Array(disk.path("a").utf8) + [UInt8(byte)]
            let text = bytes.map { CInterop.PlatformChar(truncatingIfNeeded: $0) } + [0]
            return DirectoryPath(FilePath(platformString: text))
        }
        #expect(paths[0].bytes != paths[1].bytes && paths[0].description == paths[1].description)
        for (index, path) in paths.enumerated() {
            let pinned = try disk.storage.pinned(to: path, mode: nil, making: true)
            #expect(pinned.isMade)
            try pinned.files.create(path.description + "/file\(index)").close()
            #expect(try pinned.files.list(path.description) == ["file\(index)"])
            #expect(try pinned.directory.whereabouts() == .inPlace)
        }
    }

    @Test("a path with a zero byte is refused, not cut")
    func zeroByte() throws {
        let disk = try MovableDisk(.real)
        #expect(failure { try disk.pinned("log\0x", making: true) }?.errno == ErrorNumber.invalidArgument)
        #expect(try disk.storage.list(disk.path("")).isEmpty)
    }

    @Test("a link that leads nowhere is named as such")
    func danglingLink() throws {
        let disk = try MovableDisk(.real)
        try FileManager.default.createSymbolicLink(
            atPath: disk.path("log"), withDestinationPath: disk.path("nowhere"))
        let refusal = failure { try disk.pinned("log", making: true) }
        #expect(refusal?.problem == .danglingLink)
        #expect(refusal?.wal("open").code == .wrongFileType)
        #expect(try disk.storage.list(disk.path("")) == ["log"])
    }

    @Test("syncing its own directory and listing it take the descriptor that is held")
    func calls() throws {
        let disk = try MovableDisk(.real)
        let opens = SharedCounter()
        var calls = PosixCalls.live
        calls.open = {
            opens.increment()
            return PosixCalls.live.open($0, $1, $2)
        }
        calls.openAt = {
            opens.increment()
            return PosixCalls.live.openAt($0, $1, $2, $3)
        }
        let pinned = try PosixStorage(calls: calls).pinned(to: DirectoryPath(disk.path("log")), mode: nil, making: true)
        let before = opens.value
        try pinned.files.syncDirectory(disk.path("log"))
        #expect(opens.value == before)
        try pinned.files.create(disk.path("log/a")).close()
        #expect(opens.value == before + 1)
    }
}
