import SegmentStore
import Testing
import WalPlatform
import WalSimulation

@Suite("The seam on a simulated disk")
struct SimulatedStorageTests {
    let disk = SimulatedDisk()
    var storage: any Storage { disk.backend }

    @Test func `What is written is read back, across pages and holes`() throws {
        let file = try storage.create("/a")
        try file.write(filled(7, 5000), at: 3000)
        #expect(try file.size() == 8000)
        #expect(try file.read(3000) == filled(0, 3000))
        #expect(try file.read(9000, at: 3000) == filled(7, 5000))
        #expect(try file.read(10, at: 8000).isEmpty)
    }

    @Test func `Names are listed, made once, renamed over others and removed`() throws {
        try storage.createDirectory("/d")
        expectErrno(ErrorNumber.alreadyExists) { try storage.createDirectory("/d") }
        expectErrno(ErrorNumber.alreadyExists) { try storage.createDirectory("/") }
        try storage.create("/d/a").write([1])
        try storage.create("/d/b").write([2])
        expectErrno(ErrorNumber.alreadyExists) { _ = try storage.create("/d/a") }
        #expect(try Set(storage.list("/d")) == ["a", "b"])
        try storage.rename("/d/a", to: "/d/b")
        #expect(try storage.list("/d") == ["b"])
        #expect(disk.contents(of: "/d/b") == [1])
        try storage.unlink("/d/b")
        expectErrno(ErrorNumber.notFound) { try storage.unlink("/d/b") }
        expectErrno(ErrorNumber.notFound) { _ = try storage.open("/d/b", .readOnly) }
        expectErrno(ErrorNumber.notFound) { try storage.rename("/d/b", to: "/d/c") }
        expectErrno(ErrorNumber.notFound) { _ = try storage.list("/none") }
        expectErrno(ErrorNumber.notFound) { _ = try storage.create("/none/a") }
        expectErrno(ErrorNumber.notFound) { try storage.syncDirectory("/none") }
    }

    @Test func `Directories and files are not taken for each other`() throws {
        try storage.createDirectory("/d")
        try storage.create("/a").close()
        expectErrno(ErrorNumber.isDirectory) { try storage.unlink("/d") }
        expectErrno(ErrorNumber.isDirectory) { _ = try storage.open("/d", .readOnly) }
        expectErrno(ErrorNumber.isDirectory) { try storage.rename("/a", to: "/d") }
        expectErrno(ErrorNumber.notDirectory) { _ = try storage.list("/a") }
    }

    @Test func `A path has many spellings`() throws {
        try storage.createDirectory("/d/")
        try storage.create("/d//x/../.hidden").write([1])
        #expect(disk.files() == ["/d/.hidden"])
        #expect(disk.contents(of: "d/./.hidden") == [1])
    }

    @Test func `Allocate extends with zeros and never shortens, truncate does both`() throws {
        let file = try storage.create("/a")
        try file.write([1, 2, 3])
        try file.allocate(6)
        #expect(try file.read(9) == [1, 2, 3, 0, 0, 0])
        try file.allocate(2)
        #expect(try file.size() == 6)
        try file.truncate(1)
        try file.truncate(4)
        #expect(try file.read(9) == [1, 0, 0, 0])
        expectErrno(ErrorNumber.fileTooLarge) { try file.allocate(.max) }
        expectErrno(ErrorNumber.fileTooLarge) { try file.write([1], at: Int.max) }
    }

    @Test func `A file without a name stays usable while it is open, and its room is freed after`() throws {
        let file = try storage.create("/a")
        try file.write(filled(1, 1000))
        try storage.unlink("/a")
        try storage.create("/a").write([9])
        #expect(try file.read(1000) == filled(1, 1000))
        try file.sync()
        #expect(disk.usedBytes == 1024 + 512)
        try file.close()
        #expect(disk.usedBytes == 512)
    }

    @Test func `A closed file and a read-only one refuse`() throws {
        let file = try storage.create("/a")
        let reader = try storage.open("/a", .readOnly)
        expectErrno(ErrorNumber.badDescriptor) { try reader.write([1]) }
        expectErrno(ErrorNumber.badDescriptor) { try reader.truncate(1) }
        expectErrno(ErrorNumber.badDescriptor) { try reader.allocate(1) }
        try file.close()
        try file.close()
        expectErrno(ErrorNumber.badDescriptor) { try file.write([1]) }
        expectErrno(ErrorNumber.badDescriptor) { _ = try file.size() }
        expectErrno(ErrorNumber.badDescriptor) { try file.sync() }
        expectErrno(ErrorNumber.badDescriptor) { _ = try file.map(length: 1) }
    }

    @Test func `A mapping outlives the file and its name`() throws {
        let file = try storage.create("/a")
        try file.write(filled(3, 5000))
        expectErrno(ErrorNumber.invalidArgument) { _ = try file.map(length: 5001) }
        let mapping = try file.map(length: 4500)
        try file.close()
        try storage.unlink("/a")
        mapping.willNeed(0..<4500)
        #expect(mapping.bytes.elementsEqual(filled(3, 4500)))
    }

    @Test func `A lock has one holder, and a crash drops it`() throws {
        let lock = try storage.lock("/LOCK")
        expectErrno(ErrorNumber.wouldBlock) { _ = try storage.lock("/LOCK") }
        #expect(try storage.isLocked("/LOCK"))
        #expect(try !storage.isLocked("/other"))
        #expect(try lock.isCurrent())
        let afterwards = disk.crash(.keepAll)
        #expect(try !afterwards.backend.isLocked("/LOCK"))
        try lock.release()
        try lock.release()
        #expect(try !lock.isCurrent())
        var second: (any StorageLock)? = try storage.lock("/LOCK")
        try storage.rename("/LOCK", to: "/elsewhere")
        #expect(try second?.isCurrent() == false)
        second = nil
        #expect(try !storage.isLocked("/elsewhere"))
    }

    @Test func `Copies of a disk are independent`() throws {
        let file = try storage.create("/a")
        try file.write(filled(1, 5000))
        let before = disk.fingerprint()
        let copy = SimulatedDisk(startingFrom: disk)
        #expect(copy.fingerprint() == before)
        try file.write([2])
        #expect(copy.fingerprint() == before)
        #expect(disk.fingerprint() != before)
        try file.write([1])
        #expect(disk.fingerprint() == before)
        // What is pending is copied too.
        #expect(copy.crash(.keepNone).files().isEmpty)
    }

    @Test func `A fingerprint tells names, sizes and bytes apart`() {
        var seen: Set<DiskFingerprint> = []
        for (path, bytes) in [("/a", [0]), ("/b", [0]), ("/a", [1]), ("/a", [0, 0]), ("/a", [])] as [(String, [UInt8])]
        {
            let disk = SimulatedDisk()
            disk.replaceContents(of: path, with: bytes)
            seen.insert(disk.fingerprint())
        }
        #expect(seen.count == 5)
    }

    @Test func `A damaged byte is damaged for good`() throws {
        let file = try durableFile("/d/a", [1, 2, 3], on: disk)
        #expect(disk.corrupt("/d/a", at: 1, xor: 0xFF))
        #expect(!disk.corrupt("/d/a", at: 3, xor: 1))
        #expect(!disk.corrupt("/d/none", at: 0, xor: 1))
        #expect(try file.read(3) == [1, 0xFD, 3])
        #expect(disk.crash(.keepNone).contents(of: "/d/a") == [1, 0xFD, 3])
        #expect(disk.contents(of: "/none") == nil)
        #expect(!disk.replaceContents(of: "/d", with: []))
        #expect(!disk.replaceContents(of: "/d/a/b", with: []))
    }

    @Test func `Many threads may use a disk at once`() async throws {
        let storage = storage
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    let file = try storage.create("/\(thread)")
                    for round in 0..<200 { try file.write(filled(UInt8(thread), 100), at: round * 100) }
                    try file.sync()
                }
            }
            try await group.waitForAll()
        }
        for thread in 0..<4 { #expect(disk.contents(of: "/\(thread)") == filled(UInt8(thread), 20000)) }
    }
}
