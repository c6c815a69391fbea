import SegmentStore
import Testing
import WalPlatform

@Suite("POSIX storage: directories and names")
struct PosixStorageTests {
    let directory: TemporaryDirectory
    let storage = PosixStorage()

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("lists names without dot and dot-dot, also after more were made")
    func list() throws {
        #expect(try storage.list(directory.path).isEmpty)
        for name in ["b", "a", "ü.seg"] { try storage.create(directory.file(name)).close() }
        try storage.createDirectory(directory.file("d"))
        #expect(try storage.list(directory.path).sorted() == ["a", "b", "d", "ü.seg"])
    }

    @Test("lists a directory of a thousand names once each")
    func listMany() throws {
        for index in 0..<1_000 { try storage.create(directory.file("\(index)")).close() }
        let names = try storage.list(directory.path)
        #expect(names.count == 1_000)
        #expect(Set(names).count == 1_000)
    }

    @Test("says which call failed on which path and why")
    func errors() throws {
        let missing = directory.file("missing")
        let file = directory.file("file")
        try storage.create(file).close()
        #expect(failure { try storage.list(missing) } == StorageError(.list, missing, errno: ErrorNumber.notFound))
        #expect(failure { try storage.list(file) } == StorageError(.list, file, errno: ErrorNumber.notDirectory))
        #expect(
            failure { try storage.open(missing, .readWrite) }
                == StorageError(.open, missing, errno: ErrorNumber.notFound))
        #expect(failure { try storage.create(file) } == StorageError(.create, file, errno: ErrorNumber.alreadyExists))
        #expect(
            failure { try storage.createDirectory(directory.path) }
                == StorageError(.createDirectory, directory.path, errno: ErrorNumber.alreadyExists))
        #expect(
            failure { try storage.rename(missing, to: file) }
                == StorageError(.rename, missing, errno: ErrorNumber.notFound))
        #expect(failure { try storage.unlink(missing) } == StorageError(.unlink, missing, errno: ErrorNumber.notFound))
        #expect(
            failure { try storage.syncDirectory(missing) }
                == StorageError(.open, missing, errno: ErrorNumber.notFound))
    }

    @Test("refuses a path with a zero byte instead of opening another file")
    func zeroByte() throws {
        try storage.create(directory.file("a")).close()
        let path = directory.file("a\0b")
        #expect(
            failure { try storage.open(path, .readOnly) }
                == StorageError(.open, path, errno: ErrorNumber.invalidArgument))
        #expect(failure { try storage.unlink(path) }?.errno == ErrorNumber.invalidArgument)
        #expect(failure { try storage.rename(directory.file("a"), to: path) }?.errno == ErrorNumber.invalidArgument)
        #expect(failure { try storage.createDirectory(path) }?.errno == ErrorNumber.invalidArgument)
        #expect(try storage.list(directory.path) == ["a"])
    }

    @Test("renames over an existing name, and the open file keeps its bytes")
    func rename() throws {
        let old = try storage.create(directory.file("old"))
        try old.write(at: 0, [1])
        let new = try storage.create(directory.file("new"))
        try new.write(at: 0, [2])
        try storage.rename(directory.file("new"), to: directory.file("old"))
        try storage.syncDirectory(directory.path)
        #expect(try storage.list(directory.path) == ["old"])
        #expect(try old.read(at: 0, count: 9) == [1])
        #expect(try storage.open(directory.file("old"), .readOnly).read(at: 0, count: 9) == [2])
    }

    @Test("keeps an unlinked file readable through what is open")
    func unlink() throws {
        let file = try storage.create(directory.file("a"))
        try file.write(at: 0, [1, 2, 3])
        try storage.unlink(directory.file("a"))
        #expect(try storage.list(directory.path).isEmpty)
        #expect(try file.read(at: 1, count: 9) == [2, 3])
    }
}
