import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Has the runtime make the types that children use to look at a log. It makes them under locks, which a thread that the child
/// doesn't have may hold at the fork; those that are made are found without one.
private func makeWhatChildrenUse() throws {
    let thread = try TaskThread.start()
    let found = Shared<[String]?>(nil)
    _ = thread.begin { found.value = [] }
    waitUntil { found.value != nil }
    thread.end()
}

/// Runs `body` in a forked child of this process and returns the lines that it reports.
///
/// Swift hides `fork`, for good reasons: it is looked up. A child that hangs is ended by its alarm, which is an error here.
func inForkedChild(_ body: () -> [String]) throws -> [String] {
    typealias Fork = @convention(c) () -> Int32
    let fork = unsafeBitCast(try #require(dlsym(dlopen(nil, RTLD_NOW), "fork")), to: Fork.self)
    try makeWhatChildrenUse()
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let child = fork()
    if child == 0 {
        // A mask that was inherited must not keep the alarm away.
        var all = sigset_t()
        sigemptyset(&all)
        sigaddset(&all, SIGALRM)
        pthread_sigmask(SIG_UNBLOCK, &all, nil)
        signal(SIGALRM, SIG_DFL)
        alarm(120)
        let bytes = [UInt8](body().map { $0 + "\n" }.joined().utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) }
            if count <= 0 { _exit(3) }
            written += count
        }
        _exit(0)
    }
    close(ends[1])
    defer { close(ends[0]) }
    try #require(child > 0)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(ends[0], &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        bytes += buffer[..<count]
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    try #require(status == 0, "the child ended with status \(status): 14 is the alarm, 4 or 5 a trap")
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
}
