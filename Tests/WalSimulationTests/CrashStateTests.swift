import SegmentStore
import Testing
import WalPlatform
import WalSimulation

@Suite("What a crash leaves")
struct CrashStateTests {
    let disk = SimulatedDisk()
    var storage: any Storage { disk.backend }

    @Test func `A write of two sectors leaves any of four states`() throws {
        try durableFile("/a", filled(1, 1024), on: disk).write(filled(2, 1024))
        let contents = try crashStates(of: disk).map { $0.contents(of: "/a") }
        #expect(contents.count == 4)
        for first: UInt8 in [1, 2] {
            for second: UInt8 in [1, 2] { #expect(contents.contains(filled(first, 512) + filled(second, 512))) }
        }
    }

    @Test func `Sectors of 4096 bytes are written whole`() throws {
        let disk = SimulatedDisk(sectorSize: .bytes4096)
        try durableFile("/a", filled(1, 4096), on: disk).write(filled(2, 1024))
        #expect(try crashStates(of: disk).count == 2)
    }

    @Test func `Each version of a sector may survive, and writing the same again makes none`() throws {
        let file = try durableFile("/a", filled(1, 512), on: disk)
        for byte: UInt8 in [1, 2, 2, 3] { try file.write([byte]) }
        #expect(try Set(crashStates(of: disk).compactMap { $0.contents(of: "/a")?.first }) == [1, 2, 3])
    }

    @Test func `A size survives on its own`() throws {
        let file = try durableFile("/a", filled(1, 512), on: disk)
        try file.write(filled(2, 512), at: 512)
        let contents = try crashStates(of: disk).compactMap { $0.contents(of: "/a") }
        #expect(
            Set(contents) == [
                filled(1, 512), filled(1, 512) + filled(0, 512), filled(1, 512) + filled(2, 512),
            ])
        #expect(contents.count == 3)
    }

    @Test func `A cut that survives takes older bytes with it, not newer ones`() throws {
        let file = try durableFile("/a", filled(1, 1024), on: disk)
        try file.truncate(0)
        try file.write(filled(1, 1024))
        #expect(disk.crash(.keepAll).contents(of: "/a") == filled(1, 1024))
        let contents = Set(try crashStates(of: disk).compactMap { $0.contents(of: "/a") })
        #expect(contents.contains([]))
        #expect(contents.contains(filled(0, 512) + filled(1, 512)))
        #expect(contents.contains(filled(1, 1024)))
    }

    @Test func `Keeping all gives what programs saw, keeping none what was synced`() throws {
        var generator = SeededGenerator(seed: 7)
        let file = try durableFile("/a", filled(1, 3000), on: disk)
        let durable = disk.fingerprint()
        for _ in 0..<200 {
            if Int.random(in: 0..<4, using: &generator) == 0 {
                try file.truncate(.random(in: 0..<6000, using: &generator))
            } else {
                let bytes = filled(.random(in: 0..<3, using: &generator), .random(in: 1..<900, using: &generator))
                try file.write(bytes, at: .random(in: 0..<5000, using: &generator))
            }
            #expect(disk.crash(.keepAll).fingerprint() == disk.fingerprint())
            #expect(disk.crash(.keepNone).fingerprint() == durable)
        }
        try file.sync()
        for seed in 0..<20 { #expect(disk.crash(.random, seed: UInt64(seed)).fingerprint() == disk.fingerprint()) }
    }

    @Test func `Syncing a file does not keep its name, syncing the directory does, and not the bytes`() throws {
        let file = try storage.create("/a")
        try file.write([1])
        try file.sync()
        #expect(disk.crash(.keepNone).files().isEmpty)
        #expect(disk.crash(.keepAll).contents(of: "/a") == [1])
        try storage.syncDirectory("/")
        #expect(disk.crash(.keepNone).contents(of: "/a") == [1])

        let other = try storage.create("/b")
        try other.write([2])
        try storage.syncDirectory("/")
        #expect(disk.crash(.keepNone).contents(of: "/b") == [])
    }

    @Test func `Any subset of renames and unlinks survives`() throws {
        for name in ["a", "b", "c"] { disk.replaceContents(of: "/" + name, with: Array(name.utf8)) }
        try storage.rename("/a", to: "/x")
        try storage.unlink("/b")
        try storage.unlink("/c")
        let names = try crashStates(of: disk).map { $0.files() }
        #expect(names.count == 8)
        #expect(Set(names).count == 8)
        #expect(names.contains(["/a", "/c"]))
        #expect(names.contains(["/b", "/c", "/x"]))
        #expect(names.allSatisfy { $0.contains("/a") != $0.contains("/x") })
        try storage.syncDirectory("/")
        #expect(try crashStates(of: disk).map { $0.files() } == [["/x"]])
    }

    @Test func `A file renamed over another replaces it at once or not at all`() throws {
        disk.replaceContents(of: "/a", with: [1])
        disk.replaceContents(of: "/b", with: [2])
        try storage.rename("/b", to: "/a")
        let states = try crashStates(of: disk)
        #expect(Set(states.map { $0.contents(of: "/a") }) == [[1], [2]])
        #expect(states.allSatisfy { ($0.contents(of: "/a") == [1]) == ($0.contents(of: "/b") == [2]) })
    }

    @Test func `A move between directories may show in both, never in neither`() throws {
        disk.replaceContents(of: "/d/a", with: [1])
        try storage.createDirectory("/e")
        try storage.rename("/d/a", to: "/e/b")
        let names = Set(try crashStates(of: disk).map { $0.files() })
        #expect(names == [["/d/a"], ["/e/b"], ["/d/a", "/e/b"]])
        try storage.syncDirectory("/d")
        #expect(disk.crash(.keepNone).files() == ["/e/b"])
    }

    @Test func `A directory needs a sync of its parent, and takes its files along`() throws {
        try storage.createDirectory("/d")
        let file = try storage.create("/d/a")
        try file.sync()
        try storage.syncDirectory("/d")
        expectErrno(ErrorNumber.notFound) { _ = try disk.crash(.keepNone).backend.list("/d") }
        try storage.syncDirectory("/")
        #expect(try disk.crash(.keepNone).backend.list("/d") == ["a"])
    }

    @Test func `A name given to a new file leads to the old one, the new one or nothing`() throws {
        disk.replaceContents(of: "/a", with: [1])
        try storage.unlink("/a")
        let file = try storage.create("/a")
        try file.write([2])
        try file.sync()
        #expect(Set(try crashStates(of: disk).map { $0.contents(of: "/a") }) == [nil, [1], [2]])
    }

    @Test func `A random crash depends on its seed alone`() throws {
        let file = try durableFile("/a", filled(1, 16384), on: disk)
        try file.write(filled(2, 16384))
        for seed: UInt64 in 0..<8 {
            #expect(disk.crash(.random, seed: seed).fingerprint() == disk.crash(.random, seed: seed).fingerprint())
        }
        #expect(Set((0..<64).map { disk.crash(.random, seed: $0).fingerprint() }).count > 16)
    }

    @Test func `Garbage is a state of its own where it is asked for`() throws {
        disk.flaws.leavesGarbage = true
        try durableFile("/a", filled(1, 512), on: disk).write(filled(2, 512))
        let contents = try crashStates(of: disk).compactMap { $0.contents(of: "/a") }
        #expect(contents.count == 3)
        #expect(contents.contains { Set($0).count > 10 })
    }

    @Test func `A disk that ignores syncs loses what was synced`() throws {
        disk.flaws.ignoresFileSync = true
        let file = try durableFile("/a", [1], on: disk)
        try file.write([2])
        try file.sync()
        #expect(disk.crash(.keepNone).contents(of: "/a") == [1])
        disk.flaws.ignoresFileSync = false
        try file.sync()
        #expect(disk.crash(.keepNone).contents(of: "/a") == [2])
        disk.flaws.ignoresDirectorySync = true
        try storage.rename("/a", to: "/b")
        try storage.syncDirectory("/")
        #expect(disk.crash(.keepNone).files() == ["/a"])
    }
}
