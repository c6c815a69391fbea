import CFloor
import Foundation

/// What the system says of this process and machine. Linux; elsewhere zeros.
enum Machine {
    /// The highest resident memory of this program so far, in bytes.
    static var peakBytes: UInt64 { status("VmHWM:") << 10 }
    /// Memory of its own, without mapped files.
    static var anonymousBytes: UInt64 { status("RssAnon:") << 10 }

    /// Forgets the highest resident memory: it counts from now on.
    static func resetPeak() {
        // Where the system has no such file, the peak counts from the start.
        try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
    }

    /// Bytes that this process has given to the disk so far.
    static var writtenBytes: UInt64 {
        let text = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("write_bytes:") }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { UInt64($0) } ?? 0
    }

    static var memoryBytes: UInt64 { ProcessInfo.processInfo.physicalMemory }

    /// Descriptors this process has open.
    static var descriptors: Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 1) - 1
    }

    static var description: String {
        let model =
            (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
        let kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return [model, kernel.map { "Linux \($0)" }].compactMap { $0 }.joined(separator: ", ")
    }

    private static func status(_ name: String) -> UInt64 {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { $0.split { !$0.isNumber }.first }.flatMap { UInt64($0) } ?? 0
    }
}

/// Bytes that the files below a directory take on disk.
func diskBytes(_ path: String) -> UInt64 {
    var total: UInt64 = 0
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return 0 }
    var status = stat()
    if !isDirectory.boolValue { return stat(path, &status) == 0 ? UInt64(status.st_blocks) * 512 : 0 }
    for name in (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    where lstat(path + "/" + name, &status) == 0 {
        total += UInt64(status.st_blocks) * 512
    }
    return total
}

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = floor_now()
    try body()
    return Double(floor_now() - start) / 1e9
}

/// Runs `body` on this many threads at once, with the number of each; throws what the first to fail threw.
func inParallel(_ threads: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    guard threads > 1 else { return try body(0) }
    let failures = Failures()
    let group = DispatchGroup()
    for number in 0..<threads {
        group.enter()
        let worker = Thread {
            do { try body(number) } catch { failures.note(error) }
            group.leave()
        }
        worker.start()
    }
    group.wait()
    if let error = failures.first { throw error }
}

/// The first error of several threads.
private final class Failures: @unchecked Sendable {
    // Sendable: `lock` guards `error`.
    private let lock = NSLock()
    private var error: (any Error)?

    func note(_ error: any Error) { lock.withLock { self.error = self.error ?? error } }
    var first: (any Error)? { lock.withLock { error } }
}

extension Array where Element == UInt64 {
    /// A quantile of sorted numbers.
    func quantile(_ part: Double) -> UInt64 {
        isEmpty ? 0 : self[Swift.min(count - 1, Int(Double(count) * part))]
    }
}
