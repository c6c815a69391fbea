import SegmentStore
import WalSimulation

/// The smallest protocol worth exploring: records of one and a half sectors, two to a sector boundary, in files of
/// eight that are rolled by creating the next.
struct ToyLog {
    enum Bug: CaseIterable {
        case none, acknowledgesBeforeSync, forgetsDirectorySync, ignoresChecksum
    }

    static let recordSize = 768
    static let recordsPerFile = 8

    let disk: SimulatedDisk
    var bug = Bug.none
    private var file: (any StorageFile)?
    private(set) var next: UInt64

    /// Opens what is on the disk; cuts off nothing, so an older record may be overwritten.
    init(_ disk: SimulatedDisk, bug: Bug = .none) throws {
        self.disk = disk
        self.bug = bug
        next = UInt64(try Self.recover(disk, bug: bug).count)
        if next % UInt64(Self.recordsPerFile) != 0 { file = try disk.backend.open(Self.path(next), .readWrite) }
    }

    mutating func append() throws {
        let index = Int(next) % Self.recordsPerFile
        if index == 0 {
            let path = Self.path(next)
            if try disk.backend.list("/").contains(String(path.dropFirst())) { try disk.backend.unlink(path) }
            file = try disk.backend.create(path)
            try file?.allocate(UInt64(Self.recordSize * Self.recordsPerFile))
            try file?.sync()
            if bug != .forgetsDirectorySync { try disk.backend.syncDirectory("/") }
        }
        disk.mark(.submit(next))
        try file?.write(Self.record(next), at: index * Self.recordSize)
        if bug == .acknowledgesBeforeSync { disk.mark(.acknowledge(next)) }
        try file?.sync()
        if bug != .acknowledgesBeforeSync { disk.mark(.acknowledge(next)) }
        next += 1
    }

    /// The values of the records up to the first that is missing or torn.
    static func recover(_ disk: SimulatedDisk, bug: Bug = .none) throws -> [UInt64] {
        var values: [UInt64] = []
        let names = try disk.backend.list("/")
        while names.contains(String(path(UInt64(values.count)).dropFirst())) {
            let file = try disk.backend.open(path(UInt64(values.count)), .readOnly)
            for index in 0..<recordsPerFile {
                let bytes = try file.read(recordSize, at: index * recordSize)
                guard let value = value(of: bytes, bug: bug), value == UInt64(values.count) else { return values }
                values.append(value)
            }
        }
        return values
    }

    /// What must hold of every crash state.
    static func check(_ state: CrashExplorer.State, bug: Bug = .none) throws {
        let values = try recover(state.disk, bug: bug)
        for mark in state.marks {
            if case .acknowledge(let value) = mark, value >= values.count { throw Violation(what: "\(value) was lost") }
        }
        for value in values {
            guard state.marks.contains(.submit(value)) else { throw Violation(what: "\(value) was never written") }
            let offset = Int(value) % recordsPerFile * recordSize
            let bytes = state.disk.contents(of: path(value))?[offset..<offset + recordSize]
            guard let bytes, Array(bytes) == record(value) else { throw Violation(what: "\(value) has wrong bytes") }
        }
    }

    struct Violation: Error, Equatable {
        var what: String
    }

    private static func path(_ value: UInt64) -> String {
        "/\(value / UInt64(recordsPerFile)).log"
    }

    private static func record(_ value: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: value &* 37 &+ 1), count: recordSize)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, as: UInt64.self) }
        return bytes
    }

    /// The body is the checksum: every byte of it must be the one its value calls for.
    private static func value(of bytes: [UInt8], bug: Bug) -> UInt64? {
        guard bytes.count == recordSize else { return nil }
        let value = bytes.withUnsafeBytes { $0.load(as: UInt64.self) }
        if bug == .ignoresChecksum { return bytes[8] == 0 ? nil : value }
        return bytes == record(value) ? value : nil
    }
}
