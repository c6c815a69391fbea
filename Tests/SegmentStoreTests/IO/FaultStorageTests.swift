import SegmentStore
import Testing
import WalPlatform

@Suite("Fault storage")
struct FaultStorageTests {
    let directory: TemporaryDirectory
    let plan = FaultPlan()
    let storage: FaultStorage

    init() throws {
        directory = try TemporaryDirectory()
        storage = FaultStorage(PosixStorage(), plan: plan)
    }

    /// Makes each call of the seam at least once; 20 calls.
    private func everyCall() throws {
        let path = directory.file("a")
        _ = try storage.list(directory.path)
        try storage.createDirectory(directory.file("d"))
        _ = try storage.pinned(to: DirectoryPath(directory.file("d")), mode: nil, making: false)
        let file = try storage.create(path)
        try file.allocate(10)
        try file.write(at: 0, [1, 2, 3])
        _ = try file.read(at: 0, count: 3)
        try file.truncate(3)
        _ = try file.size()
        _ = try file.nextData(at: 0)
        try file.sync()
        _ = try file.map(length: 3)
        try file.close()
        try storage.rename(path, to: directory.file("b"))
        try storage.syncDirectory(directory.path)
        let lock = try storage.lock(directory.file("b"))
        _ = try lock.isCurrent()
        try lock.release()
        _ = try storage.open(directory.file("b"), .readOnly)
        try storage.unlink(directory.file("b"))
    }

    @Test("changes nothing without faults and counts the calls, each kind too")
    func transparent() throws {
        try everyCall()
        #expect(plan.callCount == 20)
        #expect(plan.firedCount == 0)
        #expect(plan.callCount(of: .lock) == 2)
        #expect(plan.callCount(of: .close) == 2)
        for operation in StorageError.Operation.allCases {
            #expect(plan.callCount(of: operation) > 0, "\(operation)")
        }
        plan.resetCounts()
        #expect(plan.callCount == 0)
    }

    @Test("a sweep hits every call once and ends when no call is left", arguments: 1...21)
    func sweep(call: Int) throws {
        plan.add(Fault(occurrence: call, errno: ErrorNumber.quota))
        let error = failure { try everyCall() }
        if call <= 20 {
            #expect(error?.errno == ErrorNumber.quota)
            #expect(plan.callCount == call)
            #expect(plan.firedCount == 1)
        } else {
            #expect(error == nil)
            #expect(plan.firedCount == 0)
        }
    }

    @Test("hits the chosen operation on the chosen path alone, and names both")
    func aimed() throws {
        plan.add(Fault(operations: [.write, .sync], pathContains: "target", occurrence: 2, errno: ErrorNumber.noSpace))
        let other = try storage.create(directory.file("other"))
        let target = try storage.create(directory.file("target"))
        try other.write(at: 0, [1])
        try other.sync()
        try target.write(at: 0, [1])
        #expect(
            failure { try target.sync() }
                == StorageError(.sync, directory.file("target"), errno: ErrorNumber.noSpace))
        try target.sync()
    }

    @Test("aims at a rename by either path")
    func renameAim() throws {
        try storage.create(directory.file("a")).close()
        plan.add(Fault(operations: [.rename], pathContains: "target"))
        #expect(failure { try storage.rename(directory.file("a"), to: directory.file("target")) } != nil)
        #expect(try storage.list(directory.path) == ["a"])
    }

    @Test("a lasting fault goes on until the plan is cleared")
    func lasting() throws {
        let file = try storage.create(directory.file("a"))
        plan.add(Fault(operations: [.write], occurrence: 2, isLasting: true, errno: ErrorNumber.io))
        try file.write(at: 0, [1])
        for _ in 0..<3 { #expect(failure { try file.write(at: 0, [2]) }?.errno == ErrorNumber.io) }
        #expect(try file.size() == 1)
        plan.clear()
        try file.write(at: 0, [3])
        #expect(try file.read(at: 0, count: 9) == [3])
    }

    @Test(
        "a failing write can leave nothing, a part or all of itself",
        arguments: [
            (Fault.Effect.nothing, 0), (.partOfWrite(byteCount: 2), 2), (.partOfWrite(byteCount: -1), 0),
            (.partOfWrite(byteCount: 100), 5), (.everything, 5),
        ])
    func effects(effect: Fault.Effect, expected: Int) throws {
        let file = try storage.create(directory.file("a"))
        plan.add(Fault(operations: [.write], effect: effect))
        #expect(failure { try file.write(at: 0, [1, 2, 3, 4, 5]) }?.errno == ErrorNumber.io)
        #expect(try file.read(at: 0, count: 9) == Array([1, 2, 3, 4, 5].prefix(expected)))
    }

    @Test("a call can do its work and still report an error")
    func everything() throws {
        plan.add(Fault(operations: [.create, .rename], isLasting: true, effect: .everything))
        #expect(failure { try storage.create(directory.file("a")) } != nil)
        #expect(try storage.list(directory.path) == ["a"])
        #expect(failure { try storage.rename(directory.file("a"), to: directory.file("b")) } != nil)
        #expect(try storage.list(directory.path) == ["b"])
        #expect(descriptors(of: directory.file("b")).isEmpty)
    }

    @Test("a failing close closes all the same, and a failing release frees the lock")
    func closing() throws {
        let path = directory.file("a")
        let lock = try storage.lock(path)
        plan.add(Fault(operations: [.close], isLasting: true))
        #expect(failure { try lock.release() } == StorageError(.close, path, errno: ErrorNumber.io))
        #expect(descriptors(of: path).isEmpty)
        #expect(try !storage.isLocked(path))
    }
}
