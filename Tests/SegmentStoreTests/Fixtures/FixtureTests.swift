import Foundation
import SegmentStore
import Testing
import WalSimulation

/// Golden files of every format version are read for ever.
@Suite(.serialized) struct FixtureTests {
    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["WAL_WRITE_FIXTURES"] == "1"),
        arguments: FixtureLibrary.names)
    func aMissingFixtureIsMade(name: String) throws {
        try FixtureLibrary.write(name)
    }

    @Test(arguments: FixtureLibrary.names)
    func everyEventOfAGoldenFileIsRead(name: String) throws {
        let expected = try FixtureLibrary.expected(name)
        #expect(!expected.isEmpty)
        for access in [ReadAccess.read, .mapped] {
            let disk = try FixtureLibrary.disk(name)
            let before = disk.fingerprint()
            let reading = try StoreSample.open(disk) {
                $0.readOnly = true
                $0.readAccess = access
            }
            #expect(try FixtureLibrary.listing(reading.store) == expected)
            #expect(try reading.store.verify(progress: nil).isIntact)
            #expect(disk.fingerprint() == before)
        }
    }

    @Test(arguments: FixtureLibrary.names)
    func aGoldenFileIsRecoveredAndWrittenOn(name: String) throws {
        let expected = try FixtureLibrary.expected(name)
        let disk = try FixtureLibrary.disk(name)
        let log = try StoreSample.open(disk)
        #expect(log.store.report.outcome == (name == "torn" ? .tornTail : .clean))
        #expect(log.store.report.damage == nil)
        #expect(try FixtureLibrary.listing(log.store) == expected)
        for _ in 0..<20 { try log.append([StoreSample.event(3, size: 1200)]) }
        try log.maintain()
        #expect(try FixtureLibrary.listing(log.store).prefix(expected.count) == expected[...])
        #expect(try log.store.verify(progress: nil).findings.isEmpty)
        try log.store.closeCleanly()
    }

    @Test(arguments: FixtureLibrary.names)
    func aGoldenFileIsReadFromARealDirectory(name: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file(name)
        try FileManager.default.copyItem(atPath: "\(FixtureLibrary.folder)/\(name)", toPath: path)
        let counter = Atomic64()
        let store = try LogStore.open(
            path, options: StoreHarness.smallSegments,
            environment: StoreEnvironment(
                storage: PosixStorage(), now: { counter.next() }, random: { UInt64(bitPattern: counter.next()) }))
        #expect(try FixtureLibrary.listing(store) == FixtureLibrary.expected(name))
        try store.closeCleanly()
    }

    /// The reader in Python knows nothing but docs/format.md.
    @Test(arguments: FixtureLibrary.names)
    func theReaderWrittenFromTheDocumentAloneReadsTheSame(name: String) throws {
        let isCompressed = name == "compressed" || name == "dictionary"
        if isCompressed, try ZstdProgram.run(["--version"]) == nil { return }
        let outcome = try PythonReader.run("\(FixtureLibrary.folder)/\(name)")
        guard let outcome else { return }
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.lines == (try FixtureLibrary.expected(name)))
    }

    @Test func theReaderWrittenFromTheDocumentAloneNoticesDamage() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("closed")
        try FileManager.default.copyItem(atPath: "\(FixtureLibrary.folder)/closed", toPath: path)
        let file = path + "/00000000000000000001.seg"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[4096 + 600] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        guard let outcome = try PythonReader.run(path) else { return }
        #expect(outcome.status == 1)
        let expected = try FixtureLibrary.expected("closed")
        #expect(outcome.lines.count < expected.count)
        #expect(outcome.lines == Array(expected.prefix(outcome.lines.count)))
    }
}

/// Runs Fixtures/read_log.py where there is a Python.
private enum PythonReader {
    static func run(_ directory: String) throws -> (status: Int32, lines: [String], errors: String)? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", packageRoot + "/Fixtures/read_log.py", directory]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // env's own code for a program that is not there.
        if process.terminationStatus == 127 { return nil }
        return (process.terminationStatus, text.split(separator: "\n").map { String($0) }, complaint)
    }
}
