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

/// A byte stream of a command-line program: a standard stream, or a file read from start to end.
package struct ProcessStream: Sendable {
    /// A call that failed.
    package struct Failure: Error, Hashable, CustomStringConvertible {
        package var errno: CInt
        package var isBrokenPipe: Bool { errno == EPIPE }
        package var isInterruption: Bool { errno == EINTR }
        package var description: String { String(cString: strerror(errno)) }
    }

    package static let input = ProcessStream(descriptor: 0)
    package static let output = ProcessStream(descriptor: 1)
    package static let error = ProcessStream(descriptor: 2)

    private let descriptor: CInt

    private init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Opens a file for reading. Its descriptor is none of the standard ones, whatever the program was started without.
    package init(reading path: FilePath) throws(Failure) {
        descriptor = path.withPlatformString { wal_open_at(AT_FDCWD, $0, O_RDONLY | O_CLOEXEC, 0) }
        if descriptor < 0 { throw Failure(errno: -descriptor) }
    }

    /// Whether somebody looks at it.
    package var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Waits until a read would not block, or the time is over; returns whether it would not.
    package func waitUntilReadable(milliseconds: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // An error is left to the read to report, an interruption to the caller to notice.
        return poll(&request, 1, milliseconds) != 0
    }

    /// Whether it is a pipe, or a terminal, with nobody at the other end any more.
    package var isAbandoned: Bool {
        var request = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&request, 1, 0) > 0 && Int32(request.revents) & Int32(POLLERR | POLLHUP) != 0
    }

    /// Reads what is there, waiting for at least one byte; 0 at the end. Not retried when a signal interrupts it.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let count = readBytes(descriptor, buffer.baseAddress, buffer.count)
        if count < 0 { throw Failure(errno: errno) }
        return count
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = writeBytes(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(errno: errno)
            }
            written += count
        }
    }

    /// Closes a file that was opened for reading; a failure to do so loses nothing.
    package func closeAfterReading() {
        _ = closeDescriptor(descriptor)
    }
}

// The members above hide the C functions of the same names.
private func readBytes(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}

private func writeBytes(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

private func closeDescriptor(_ descriptor: CInt) -> CInt {
    close(descriptor)
}
