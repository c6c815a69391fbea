import Foundation
import SegmentStore
import Testing
import WalPlatform

/// What a directory that somebody else filled can lead the storage to do.
@Suite("POSIX storage: confined to a log's directory")
struct ConfinementTests {
    let outside: TemporaryDirectory
    let log: TemporaryDirectory
    let storage: any Storage

    init() throws {
        outside = try TemporaryDirectory()
        log = try TemporaryDirectory()
        storage = try pinned(log.path, mode: nil)
        try Data("theirs".utf8).write(to: URL(fileURLWithPath: outside.file("victim")))
    }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: log.file(name), withDestinationPath: target)
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private func expectOutsideUntouched() throws {
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["victim"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: outside.file("victim"))) == Data("theirs".utf8))
    }

    @Test("a link in the place of a file is not followed", arguments: ["victim", "missing"])
    func linkedFile(target: String) throws {
        try link("LOG", to: outside.file(target))
        #expect(failure { try storage.open(log.file("LOG"), .readOnly) }?.errno == ErrorNumber.tooManyLinks)
        #expect(failure { try storage.open(log.file("LOG"), .readWrite) }?.errno == ErrorNumber.tooManyLinks)
        #expect(failure { try storage.lock(log.file("LOG")) }?.errno == ErrorNumber.tooManyLinks)
        #expect(failure { try storage.isLocked(log.file("LOG")) }?.errno == ErrorNumber.tooManyLinks)
        #expect(failure { try storage.create(log.file("LOG")) }?.errno == ErrorNumber.alreadyExists)
        let file = try storage.createAfresh(log.file("LOG"))
        try file.write(at: 0, [1])
        try file.close()
        try expectOutsideUntouched()
    }

    @Test("a link in the place of a folder is not followed, whatever is asked of it")
    func linkedFolder() throws {
        try link("checkpoints", to: outside.path)
        try storage.create(log.file("mine")).close()
        let (folder, victim) = (log.file("checkpoints"), log.file("checkpoints/victim"))
        let refusals = [
            failure { try storage.names(in: folder) }, failure { try storage.syncDirectory(folder) },
            failure { try storage.open(victim, .readWrite) }, failure { try storage.create(folder + "/new") },
            failure { try storage.createAfresh(victim) }, failure { try storage.lock(folder + "/new") },
            failure { try storage.unlink(victim) }, failure { try storage.rename(log.file("mine"), to: victim) },
            failure { try storage.rename(victim, to: log.file("mine")) },
        ]
        for (number, refusal) in refusals.enumerated() {
            #expect(refusal?.wal("look").code == .wrongFileType, "call \(number): \(String(describing: refusal))")
        }
        #expect(failure { try storage.createDirectory(folder) }?.errno == ErrorNumber.alreadyExists)
        try expectOutsideUntouched()
    }

    @Test("a folder of its own works as any")
    func ownFolder() throws {
        let folder = log.file("checkpoints")
        try storage.createDirectory(folder)
        try storage.create(folder + "/a.tmp").close()
        try storage.rename(folder + "/a.tmp", to: folder + "/a")
        try storage.create(log.file("b")).close()
        try storage.rename(log.file("b"), to: folder + "/b")
        try storage.syncDirectory(folder)
        try storage.open(folder + "/a", .readWrite).close()
        #expect(try storage.list(folder).sorted() == ["a", "b"])
        try storage.unlink(folder + "/a")
        #expect(try storage.list(folder) == ["b"])
        #expect(
            failure { try storage.open(folder + "/deep/er", .readOnly) }?.errno == ErrorNumber.invalidArgument)
    }

    @Test("the directory itself may be a link, since its path is the user's own")
    func linkedRoot() throws {
        try link("link", to: outside.path)
        let storage = try pinned(log.file("link"), mode: nil)
        try storage.create(log.file("link/new")).close()
        #expect(try storage.list(log.file("link")).sorted() == ["new", "victim"])
    }

    @Test("what only has a file's name is refused, and at once", arguments: [false, true])
    func noFile(isPipe: Bool) throws {
        let path = log.file("LOG")
        if isPipe { try makePipe(path) } else { try storage.createDirectory(path) }
        for refusal in [
            failure { try storage.open(path, .readOnly) }, failure { try storage.open(path, .readWrite) },
            failure { try storage.lock(path) }, failure { try storage.isLocked(path) },
        ] {
            #expect(refusal?.problem == .noFile)
            #expect(refusal?.wal("look").code == .wrongFileType)
        }
    }

    @Test("a link put in the place of a held lock makes it no longer current")
    func linkedLock() throws {
        let path = log.file("LOCK")
        let lock = try storage.lock(path)
        try storage.rename(path, to: log.file("moved"))
        try link("LOCK", to: log.file("moved"))
        #expect(try !lock.isCurrent())
        try lock.release()
    }

    /// What this process's umask leaves of permissions.
    private func unmasked(_ mode: UInt32) throws -> Int {
        let path = log.file("umask")
        try pinned(log.path, mode: 0o666).create(path).close()
        let left = try self.mode(path) | 0o111
        try storage.unlink(path)
        return Int(mode) & (left | (left & 0o444) >> 2)
    }

    @Test("new files and folders are the owner's alone unless asked for otherwise")
    func modes() throws {
        try storage.create(log.file("a")).close()
        try storage.lock(log.file("b")).release()
        try storage.createDirectory(log.file("c"))
        #expect(try mode(log.file("a")) == unmasked(0o600))
        #expect(try mode(log.file("b")) == unmasked(0o600))
        #expect(try mode(log.file("c")) == unmasked(0o700))
        let shared = try pinned(log.path, mode: 0o640)
        try shared.create(log.file("d")).close()
        try shared.createDirectory(log.file("e"))
        #expect(try mode(log.file("d")) == unmasked(0o640))
        #expect(try mode(log.file("e")) == unmasked(0o750))
    }

    @Test("what is added to a log has the permissions that the log has")
    func inheritedMode() throws {
        try pinned(log.path, mode: 0o644).create(log.file("LOG")).close()
        try pinned(log.path, mode: nil).create(log.file("a")).close()
        #expect(try mode(log.file("a")) == unmasked(0o644))
    }
}

private func pinned(_ path: String, mode: UInt32?) throws -> any Storage {
    try PosixStorage().pinned(to: DirectoryPath(path), mode: mode, making: false).files
}
