import Foundation
import FuzzTargets
import Testing

/// What the fuzzer kept, without the fuzzer: inputs that reach far, and those that once broke something.
@Suite("Fuzzing: the corpus")
struct CorpusTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/fuzz")

    @Test(arguments: FuzzTarget.allCases)
    func `no input of the corpus breaks a promise`(_ target: FuzzTarget) throws {
        let folder = Self.folder.appendingPathComponent(target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(!names.isEmpty)
        for name in names {
            let input = try Data(contentsOf: folder.appendingPathComponent(name))
            do {
                try target.run(Array(input))
            } catch {
                Issue.record("\(target.rawValue)/\(name): \(error)")
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `what the fuzzer begins with breaks no promise`(_ target: FuzzTarget) throws {
        for seed in try target.seeds() {
            #expect(throws: Never.self) { try target.run(seed) }
            #expect(seed.count <= target.inputBytesMax)
        }
    }

    @Test(arguments: ExtremeFields.allCases)
    func `no number in any field of a file breaks a promise`(_ structure: ExtremeFields) throws {
        let count = try structure.run { Issue.record("\($0)") }
        #expect(count > 100)
    }
}
