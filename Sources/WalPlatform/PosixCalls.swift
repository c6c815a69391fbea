import CWalPlatform

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Android)
import Android
#endif

/// The system calls under the POSIX storage, one by one, so that tests can put interruptions, short counts and errors
/// below its retry loops.
///
/// All return a count, a descriptor or 0, or on failure the negative error number; none retries.
package struct PosixCalls: Sendable {
    package typealias Descriptor = CInt

    /// Opens a path, given as the bytes the system takes. No descriptor is ever 0, 1 or 2.
    package var open: @Sendable (_ path: [UInt8], _ flags: CInt, _ mode: UInt32) -> CInt
    /// Opens a name in an open directory. No descriptor is ever 0, 1 or 2.
    package var openAt: @Sendable (_ directory: Descriptor, _ name: String, _ flags: CInt, _ mode: UInt32) -> CInt
    package var close: @Sendable (Descriptor) -> CInt
    package var pread: @Sendable (Descriptor, UnsafeMutableRawBufferPointer, _ offset: Int64) -> Int
    package var pwrite: @Sendable (Descriptor, UnsafeRawBufferPointer, _ offset: Int64) -> Int
    package var syncData: @Sendable (Descriptor) -> CInt
    package var syncAll: @Sendable (Descriptor) -> CInt
    package var truncate: @Sendable (Descriptor, _ size: Int64) -> CInt
    package var allocate: @Sendable (Descriptor, _ offset: Int64, _ length: Int64) -> CInt
    package var status: @Sendable (Descriptor, inout FileStatus) -> CInt
    /// Of a name in an open directory; of a symbolic link its own, not that of what it leads to.
    package var statusAt: @Sendable (_ directory: Descriptor, _ name: String, inout FileStatus) -> CInt
    /// Of a symbolic link that of what it leads to.
    package var statusFollowingLinks: @Sendable (_ path: [UInt8], inout FileStatus) -> CInt
    package var map: @Sendable (Descriptor, _ length: Int, inout UnsafeMutableRawPointer?) -> CInt
    package var unmap: @Sendable (UnsafeMutableRawPointer, _ length: Int) -> CInt
    package var populate: @Sendable (UnsafeMutableRawPointer, _ length: Int) -> CInt
    package var flock: @Sendable (Descriptor, _ operation: CInt) -> CInt
    /// Renames within or between open directories.
    package var renameAt:
        @Sendable (_ directory: Descriptor, _ from: String, _ target: Descriptor, _ to: String) -> CInt
    /// Removes a name from an open directory.
    package var unlinkAt: @Sendable (_ directory: Descriptor, _ name: String) -> CInt
    package var makeDirectory: @Sendable (_ path: [UInt8], _ mode: UInt32) -> CInt
    package var makeDirectoryAt: @Sendable (_ directory: Descriptor, _ name: String, _ mode: UInt32) -> CInt
    /// Removes a directory that is empty.
    package var removeDirectory: @Sendable (_ path: [UInt8]) -> CInt
    /// Adds the names in a directory that is open; does not close it.
    package var list: @Sendable (Descriptor, inout DirectoryNames) -> CInt
    /// The next bytes of a file, from an offset on, that may be other than zero; "no such address" if all are zero,
    /// "not supported" where the file system is not relied on to know.
    package var nextData: @Sendable (Descriptor, _ offset: Int64, inout Range<Int64>) -> CInt

    /// Stands for the working directory where a call takes an open one.
    package static let workingDirectory: Descriptor = AT_FDCWD

    /// The real calls.
    package static let live = PosixCalls(
        open: { path, flags, mode in withPath(path) { wal_open_at(AT_FDCWD, $0, flags, mode) } },
        openAt: { directory, name, flags, mode in wal_open_at(directory, name, flags, mode) },
        close: { result(closeFile($0)) },
        pread: { descriptor, buffer, offset in
            result(readFile(descriptor, buffer.baseAddress, buffer.count, off_t(offset)))
        },
        pwrite: { descriptor, bytes, offset in
            result(writeFile(descriptor, bytes.baseAddress, bytes.count, off_t(offset)))
        },
        syncData: { wal_sync_data($0) },
        syncAll: { wal_sync_all($0) },
        truncate: { descriptor, size in result(ftruncate(descriptor, off_t(size))) },
        allocate: { descriptor, offset, length in wal_allocate(descriptor, offset, length) },
        status: { descriptor, facts in
            var status = stat()
            let failure = result(fstat(descriptor, &status))
            facts = FileStatus(status)
            return failure
        },
        statusAt: { directory, name, facts in
            var status = stat()
            let failure = result(fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW))
            facts = FileStatus(status)
            return failure
        },
        statusFollowingLinks: { path, facts in
            var status = stat()
            let failure = withPath(path) { result(fstatat(AT_FDCWD, $0, &status, 0)) }
            facts = FileStatus(status)
            return failure
        },
        map: { descriptor, length, address in
            guard let start = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
                return -errno
            }
            address = start
            return 0
        },
        unmap: { address, length in result(munmap(address, length)) },
        populate: { address, length in wal_populate_read(address, length) },
        flock: { descriptor, operation in result(lockFile(descriptor, operation)) },
        renameAt: { directory, from, target, to in result(renameat(directory, from, target, to)) },
        unlinkAt: { directory, name in result(unlinkat(directory, name, 0)) },
        makeDirectory: { path, mode in withPath(path) { result(mkdir($0, mode_t(mode))) } },
        makeDirectoryAt: { directory, name, mode in result(mkdirat(directory, name, mode_t(mode))) },
        removeDirectory: { path in withPath(path) { result(rmdir($0)) } },
        list: { descriptor, names in listDirectory(descriptor, &names) },
        nextData: { descriptor, offset, range in
            var start: Int64 = 0
            var end: Int64 = 0
            let failure = wal_next_data(descriptor, offset, &start, &end)
            // A file that changes meanwhile may give the two in the wrong order.
            if failure == 0 { range = start..<max(start, end) }
            return failure
        })
}

/// The largest count given to one read or write: some systems refuse counts of 2 GiB and more.
private let transferMaximum = 1 << 30

private func result(_ value: CInt) -> CInt { value < 0 ? -errno : value }

private func result(_ value: Int) -> Int { value < 0 ? -Int(errno) : value }

/// Hands the bytes of a path to the system as they are.
private func withPath(_ path: [UInt8], _ call: (UnsafePointer<CChar>) -> CInt) -> CInt {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: path.count + 1) { text in
        for (index, byte) in path.enumerated() { text[index] = CChar(bitPattern: byte) }
        text[path.count] = 0
        // Not empty: it holds the zero.
        guard let start = text.baseAddress else { return -EINVAL }
        return call(start)
    }
}

// Inside the structure the names of its members hide the C functions; these give them others.

private func closeFile(_ descriptor: CInt) -> CInt { close(descriptor) }

private func readFile(_ descriptor: CInt, _ start: UnsafeMutableRawPointer?, _ count: Int, _ offset: off_t) -> Int {
    pread(descriptor, start, min(count, transferMaximum), offset)
}

private func writeFile(_ descriptor: CInt, _ start: UnsafeRawPointer?, _ count: Int, _ offset: off_t) -> Int {
    pwrite(descriptor, start, min(count, transferMaximum), offset)
}

private func lockFile(_ descriptor: CInt, _ operation: CInt) -> CInt { flock(descriptor, operation) }

/// The most memory taken at once for the names of a directory, however large it says it is.
private let largestReserve: Int64 = 4 << 20

private func listDirectory(_ descriptor: CInt, _ names: inout DirectoryNames) -> CInt {
    // `fdopendir` takes its descriptor over, so it gets one of its own.
    let own = wal_duplicate(descriptor)
    guard own >= 0 else { return own }
    guard let directory = fdopendir(own) else {
        let failure = -errno
        _ = closeFile(own)
        return failure
    }
    // A duplicate shares its position with the original, which an earlier, interrupted listing may have moved.
    rewinddir(directory)
    var status = stat()
    // Where it can't be asked for, memory grows as it must.
    if fstat(own, &status) == 0 {
        names.reserve(byteCount: Int(min(max(Int64(status.st_size), 0), largestReserve)))
    }
    let failure = withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 8) { buffer -> CInt in
        while true {
            var count = 0
            let used = wal_pack_names(directory, buffer.baseAddress, buffer.count, &count)
            if used <= 0 { return used }
            names.append(packed: UnsafeRawBufferPointer(rebasing: buffer[..<Int(used)]), count: count)
        }
    }
    return closedir(directory) < 0 && failure == 0 ? -errno : failure
}
