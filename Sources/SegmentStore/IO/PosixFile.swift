import WalPlatform

/// An open file of the operating system.
final class PosixFile: StorageFile {
    private let descriptor: PosixDescriptor

    private var path: String { descriptor.path }
    private var calls: PosixCalls { descriptor.calls }

    init(_ descriptor: PosixDescriptor) {
        self.descriptor = descriptor
    }

    func size() throws(StorageError) -> UInt64 {
        try descriptor.use(.size) { number throws(StorageError) in
            UInt64(try size(.size, number))
        }
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        let start = try signed(offset, adding: buffer.count, .read)
        return try descriptor.use(.read) { number throws(StorageError) in
            var done = 0
            while done < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let count = try retryInterrupted(.read, path) { calls.pread(number, rest, start + Int64(done)) }
                if count == 0 { break }
                done += count
            }
            return done
        }
    }

    func nextData(at offset: UInt64) throws(StorageError) -> Range<UInt64>? {
        let start = try signed(offset, adding: 0, .nextData)
        return try descriptor.use(.nextData) { number throws(StorageError) in
            var range: Range<Int64> = 0..<0
            do throws(StorageError) {
                _ = try retryInterrupted(.nextData, path) { calls.nextData(number, start, &range) }
                guard range.lowerBound >= 0 else { throw StorageError(.nextData, path, errno: ErrorNumber.io) }
                return UInt64(range.lowerBound)..<UInt64(range.upperBound)
            } catch  where error.errno == ErrorNumber.noSuchAddress {
                return nil
            } catch  where error.errno == ErrorNumber.notSupported {
                let size = UInt64(try size(.nextData, number))
                return offset < size ? offset..<size : nil
            }
        }
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        let start = try signed(offset, adding: bytes.count, .write)
        try descriptor.use(.write) { number throws(StorageError) in
            var done = 0
            while done < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                let count = try retryInterrupted(.write, path) { calls.pwrite(number, rest, start + Int64(done)) }
                // A device that takes nothing and gives no reason would keep this loop going for ever.
                guard count > 0 else { throw StorageError(.write, path, errno: ErrorNumber.io) }
                done += count
            }
        }
    }

    func allocate(_ size: UInt64) throws(StorageError) {
        let wanted = try signed(size, adding: 0, .allocate)
        try descriptor.use(.allocate) { number throws(StorageError) in
            if wanted == 0 { return }
            do throws(StorageError) {
                _ = try retryInterrupted(.allocate, path) { calls.allocate(number, 0, wanted) }
            } catch  where error.errno == ErrorNumber.notSupported {
                // The file system can't reserve; extending is all that is left.
            }
            // Where reserving doesn't extend, and where it isn't possible. Nobody else extends the file meanwhile: a
            // file is allocated before its first frame.
            if try self.size(.allocate, number) < wanted {
                _ = try retryInterrupted(.allocate, path) { calls.truncate(number, wanted) }
            }
        }
    }

    func truncate(_ size: UInt64) throws(StorageError) {
        let wanted = try signed(size, adding: 0, .truncate)
        try descriptor.use(.truncate) { number throws(StorageError) in
            _ = try retryInterrupted(.truncate, path) { calls.truncate(number, wanted) }
        }
    }

    func sync() throws(StorageError) {
        try descriptor.use(.sync) { number throws(StorageError) in
            // An interruption is no verdict on the data and marks nothing as clean, unlike any other error.
            _ = try retryInterrupted(.sync, path) { calls.syncData(number) }
        }
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping {
        try descriptor.use(.map) { number throws(StorageError) in
            // Touching a page wholly beyond the end kills the process, so the promise is checked here.
            guard length >= 0, Int64(length) <= (try size(.map, number)) else {
                throw StorageError(.map, path, errno: ErrorNumber.invalidArgument)
            }
            if length == 0 { return PosixMapping.empty }
            var start: UnsafeMutableRawPointer?
            _ = try retryInterrupted(.map, path) { calls.map(number, length, &start) }
            guard let start else { throw StorageError(.map, path, errno: ErrorNumber.outOfMemory) }
            return PosixMapping(start: start, length: length, calls: calls)
        }
    }

    func close() throws(StorageError) {
        try descriptor.close()
    }

    private func size(_ operation: StorageError.Operation, _ number: CInt) throws(StorageError) -> Int64 {
        var status = FileStatus()
        _ = try retryInterrupted(operation, path) { calls.status(number, &status) }
        // Some file systems take the number from whoever serves them.
        guard status.size >= 0 else { throw StorageError(operation, path, errno: ErrorNumber.io) }
        return status.size
    }

    /// An offset as the system takes it; throws if it or the end of the range is beyond what a file can have.
    private func signed(
        _ offset: UInt64, adding count: Int, _ operation: StorageError.Operation
    ) throws(StorageError) -> Int64 {
        guard let start = Int64(exactly: offset), !start.addingReportingOverflow(Int64(count)).overflow else {
            throw StorageError(operation, path, errno: ErrorNumber.fileTooLarge)
        }
        return start
    }
}
