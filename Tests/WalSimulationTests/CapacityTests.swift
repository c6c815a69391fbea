import SegmentStore
import Testing
import WalPlatform
import WalSimulation

@Suite("A full simulated disk")
struct CapacityTests {
    let disk = SimulatedDisk()

    @Test func `A write without room is done in part, then fails with ENOSPC`() throws {
        disk.capacity = 2048
        let file = try disk.backend.create("/a")
        try file.write(filled(1, 700))
        expectErrno(ErrorNumber.noSpace) { try file.write(filled(2, 4000), at: 700) }
        #expect(disk.contents(of: "/a") == filled(1, 700) + filled(2, 2048 - 700))
        #expect(disk.usedBytes == 2048)
    }

    @Test func `What has room already is written on a full disk`() throws {
        disk.capacity = 2048
        let file = try disk.backend.create("/a")
        try file.allocate(2048)
        expectErrno(ErrorNumber.noSpace) { _ = try disk.backend.create("/b") }
        expectErrno(ErrorNumber.noSpace) { try disk.backend.createDirectory("/d") }
        expectErrno(ErrorNumber.noSpace) { try file.allocate(2049) }
        try file.write(filled(3, 2048))
        #expect(disk.contents(of: "/a") == filled(3, 2048))
    }

    @Test func `A hole takes no room until it is written`() throws {
        disk.capacity = 1024
        let file = try disk.backend.create("/a")
        try file.truncate(1 << 20)
        #expect(disk.usedBytes == 0)
        expectErrno(ErrorNumber.noSpace) { try file.write([1], at: 4096) }
        try file.write(filled(1, 1024))
        try file.truncate(100)
        #expect(disk.usedBytes == 512)
    }

    @Test func `Room comes back when files go, and with a larger capacity`() throws {
        disk.capacity = 1024
        try disk.backend.create("/a").allocate(1024)
        expectErrno(ErrorNumber.noSpace) { _ = try disk.backend.create("/b") }
        try disk.backend.unlink("/a")
        let file = try disk.backend.create("/b")
        try file.write(filled(1, 1024))
        disk.capacity = nil
        try file.write(filled(1, 10000))
        #expect(disk.crash(.keepAll).usedBytes == 10240)
    }

    @Test func `A crash keeps the capacity`() throws {
        disk.capacity = 4096
        #expect(disk.crash(.keepNone).capacity == 4096)
        #expect(SimulatedDisk(startingFrom: disk).capacity == 4096)
    }
}
