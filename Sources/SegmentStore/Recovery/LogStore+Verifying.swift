import Synchronization
import WalPlatform

extension LogStore {
    /// Reads everything with read calls and reports what is wrong. `progress` gets bytes done and bytes in all, now and then.
    ///
    /// - Parameter acrossDamage: of a log opened for reading that is damaged: whether to read what a repair would give up, too.
    package func verify(
        acrossDamage: Bool = false, progress: ((UInt64, UInt64) -> Void)?
    ) throws(WalError) -> VerifyReport {
        var looks = 0
        while true {
            let cuts = cutGeneration.load(ordering: .acquiring)
            var verifier = Verifier(self, acrossDamage: acrossDamage, progress: progress)
            let report = try verifier.run()
            if verifier.isOvertaken, looks < SecondLook.looksMax {
                looks += 1
                try lookAgain()
                continue
            }
            // What was cut meanwhile was no damage.
            if report.findings.isEmpty || cuts == cutGeneration.load(ordering: .acquiring) { return report }
        }
    }

    /// The same by a path that is text.
    package static func verify(
        _ directory: String, options: StoreOptions, environment: StoreEnvironment,
        progress: ((UInt64, UInt64) -> Void)?
    ) throws(WalError) -> VerifyReport {
        try verify(DirectoryPath(directory), options: options, environment: environment, progress: progress)
    }

    /// Reads all of a log that nobody here has open, and reports what is wrong, what keeps it from being opened included.
    /// Changes nothing.
    package static func verify(
        _ path: DirectoryPath, options: StoreOptions, environment: StoreEnvironment,
        progress: ((UInt64, UInt64) -> Void)?
    ) throws(WalError) -> VerifyReport {
        var reading = options
        reading.readOnly = true
        reading.createIfMissing = false
        reading.recovery = .strict
        reading.deepRecovery = false
        do throws(WalError) {
            let store = try open(path, options: reading, environment: environment)
            return try store.verified(progress)
        } catch {
            guard error.code == .corrupted || error.code == .missingSegment else { throw error }
            reading.recovery = .pointInTime
            // Of both sides of a hole: what comes behind it is read nevertheless.
            reading.keep = .older
            let store: LogStore
            do throws(WalError) {
                store = try open(path, options: reading, environment: environment)
            } catch let worse {
                guard worse.code == .corrupted || worse.code == .missingSegment else { throw worse }
                return VerifyReport(refused: error == worse ? [error] : [error, worse])
            }
            var report = try store.verified(progress)
            // What a writer would refuse is said, unless something says it more exactly.
            if !report.covers(error) {
                report.findings.append(VerifyReport.Finding(kind: .corruption, error: error))
            }
            return report
        }
    }

    private func verified(_ progress: ((UInt64, UInt64) -> Void)?) throws(WalError) -> VerifyReport {
        do throws(WalError) {
            let report = try verify(acrossDamage: true, progress: progress)
            try abandon()
            return report
        } catch {
            // What matters is why it could not be read.
            do { try abandon() } catch {}
            throw error
        }
    }

    /// All segment files of a log that is damaged, those behind the damage included, as far as they can be told to be segments;
    /// nil if there is no damage that keeps recovery from some of them.
    func segmentsAcrossDamage() throws(WalError) -> SegmentList? {
        let found = setAside.withLock { $0.segments }
        guard !found.isEmpty else { return nil }
        let headers = HeaderReader(storage: storage, directory: directory)
        var result = SegmentList()
        for segment in found {
            var sequence = segment.sequence
            let finding: HeaderReader.Finding
            do throws(WalError) {
                finding = try headers.read(segment.name, identity: identity)
            } catch {
                guard error.code == .notFound else { throw error }
                continue
            }
            // One that can't be told is reported by who reads it.
            var end: UInt64?
            var state = SegmentInfo.State.sealed
            if case .intact(let header) = finding, header.firstLSN == segment.base {
                sequence = header.sequence
                if try !headers.isSealed(segment.name, header) {
                    state = .rolled
                    end = try headers.endOfChain(segment.name, header)
                }
            } else if let footer = try headers.footer(ofFile: segment.name), footer.identity == identity {
                sequence = footer.sequence
            }
            result.append(
                Segment(
                    base: segment.base, sequence: sequence, directory: directory, isCompressed: segment.isCompressed,
                    state: state, end: end))
        }
        return result
    }
}

extension HeaderReader {
    fileprivate func isSealed(_ name: String, _ header: SegmentHeader) throws(WalError) -> Bool {
        try withFile(name) { (file) throws(WalError) in
            try hasFooter(file, identity: header.identity, sequence: header.sequence)
        } ?? true
    }

    fileprivate func footer(ofFile name: String) throws(WalError) -> SegmentFooter? {
        try withFile(name) { (file) throws(WalError) in try footer(file) } ?? nil
    }

    /// Where the frames of a segment without a footer end, as their headers tell.
    fileprivate func endOfChain(_ name: String, _ header: SegmentHeader) throws(WalError) -> UInt64? {
        try withFile(name) { (file) throws(WalError) in
            try attempt("read a segment") { () throws(StorageError) in
                let window = ByteWindow(file, limit: min(try file.size(), header.framesLimit))
                var chain = FrameChain(header)
                while case .whole(let frame, _) = try chain.check(window, body: false) { chain.accept(frame) }
                return chain.offset
            }
        }
    }

    private func withFile<Result>(
        _ name: String, _ body: (any StorageFile) throws(WalError) -> Result
    ) throws(WalError) -> Result? {
        let file: any StorageFile
        do throws(StorageError) {
            file = try storage.openSegment(path(name))
        } catch {
            guard error.damage != nil else { throw error.wal("open a segment") }
            return nil
        }
        defer { close(file) }
        return try body(file)
    }
}

extension VerifyReport {
    /// Of a log of which nothing can be read but why.
    fileprivate init(refused errors: [WalError]) {
        self.init(
            findings: errors.map { Finding(kind: .corruption, error: $0) }, firstLSN: .zero, lastLSN: .zero,
            eventCount: 0,
            frameCount: 0, segmentCount: 0, byteCount: 0)
    }

    /// Whether a finding of damage says of the same events, or of the same file, what an error says.
    package func covers(_ error: WalError) -> Bool {
        findings.contains { finding in
            guard finding.kind == .corruption else { return false }
            if finding.error == error { return true }
            guard let lsns = error.lsns else { return finding.error.lsns == nil && finding.error.path == error.path }
            return finding.error.lsns?.overlaps(lsns) ?? false
        }
    }
}
