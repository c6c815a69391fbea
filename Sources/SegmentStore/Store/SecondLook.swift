import Synchronization
import WalPlatform

/// What the superblock says of which files belong to the log. Unlike the watermark it changes only where events go.
package struct FileFacts: Sendable, Hashable {
    package var identity: LogIdentity
    package var epoch: UInt32
    package var firstLSN: UInt64
    package var firstSequence: UInt64
    package var cutEpoch: UInt32
    package var cutKind: Superblock.CutKind

    package init(_ superblock: Superblock) {
        identity = superblock.identity
        epoch = superblock.epoch
        firstLSN = superblock.firstLSN
        firstSequence = superblock.firstSequence
        cutEpoch = superblock.cutEpoch
        cutKind = superblock.cutKind
    }
}

/// A negative verdict of somebody who reads beside a live writer: files are removed, replaced and compressed meanwhile, so it
/// counts only if it comes twice, from bytes that were read anew, with no truncation and no cut in between.
struct SecondLook: Sendable {
    /// How often to look at most, should something else be wrong each time.
    static let looksMax = 64

    private struct Verdict: Sendable, Hashable {
        var what: [String]
        var facts: FileFacts?
    }

    private var last: Verdict?
    private var count = 0

    /// Whether the verdict has come twice; if not, it is to be looked for again.
    ///
    /// - Parameters:
    ///   - what: what was found and where, without what grows with the log.
    ///   - facts: read before the look; nil if the superblock could not be read.
    mutating func confirms(_ what: [String], under facts: FileFacts?) -> Bool {
        let verdict = Verdict(what: what, facts: facts)
        count += 1
        defer { last = verdict }
        return verdict == last || count >= Self.looksMax
    }

    mutating func confirms(_ error: WalError, under facts: FileFacts?) -> Bool {
        confirms([error.place], under: facts)
    }
}

extension WalError {
    /// What is wrong where, without the events concerned, of which there may be more the next moment.
    var place: String { "\(code.name) \(path ?? "") \(offset.map(String.init) ?? "")" }

    /// Whether it may come of a file that was removed, replaced or written to while it was read.
    var mayBeOfMotion: Bool { [.corrupted, .missingSegment, .foreignFile, .notFound].contains(code) }
}

extension HeaderReader {
    /// The superblock, where a writer may be overwriting one of its slots: what is wrong with it counts if it is so twice.
    package func settledSuperblock() throws(WalError) -> SuperblockFile.Content {
        var content = try superblock()
        for _ in 0..<SecondLook.looksMax {
            if case .found(_, damage: nil, _) = content { return content }
            let again = try superblock()
            if again == content { return again }
            content = again
        }
        return content
    }

    /// Nil if there is no superblock that can be read.
    func fileFacts() -> FileFacts? {
        do throws(WalError) {
            guard case .found(let superblock, _, _) = try settledSuperblock() else { return nil }
            return FileFacts(superblock)
        } catch {
            return nil
        }
    }
}

extension LogStore {
    /// Of a log opened for reading: whether its writer has decided a cut, or finished one, since it was looked at last.
    func isOvertaken(by facts: FileFacts) -> Bool {
        facts.cutEpoch > cutEpoch.load(ordering: .acquiring)
            || facts.cutKind != syncState.withLock { $0.superblock.cutKind }
    }

    /// Has it done again, on a log opened for reading, where a file was not what it was when the log was looked at last.
    func lookingAgain<Result>(_ body: () throws(WalError) -> Result) throws(WalError) -> Result {
        guard options.readOnly else { return try body() }
        let headers = HeaderReader(storage: storage, directory: directory)
        var looks = SecondLook()
        while true {
            let facts = headers.fileFacts()
            do throws(WalError) {
                return try body()
            } catch {
                guard error.mayBeOfMotion, !looks.confirms(error, under: facts) else { throw error }
                try lookAgain()
            }
        }
    }
}
