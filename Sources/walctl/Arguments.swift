import ArgumentParser
import Wal

/// A number of bytes as people write it: `4096`, `64KiB`, `64MiB`, `1GB`.
struct ByteSize: ExpressibleByArgument, Equatable {
    var bytes: Int

    init?(argument: String) {
        let units: [String: Int64] = [
            "": 1, "b": 1, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000, "kib": 1 << 10,
            "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
        ]
        guard let (number, unit) = splitNumber(argument), let factor = units[unit.lowercased()] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        guard let whole = Int(exactly: bytes) else { return nil }
        self.bytes = whole
    }
}

/// A duration as people write it: `250ms`, `30s`, `5m`, `12h`, `7d`.
struct NaturalDuration: ExpressibleByArgument, Equatable {
    var duration: Duration

    init?(argument: String) {
        let nanoseconds: [String: Int64] = [
            "ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
            "d": 86_400_000_000_000,
        ]
        guard let (number, unit) = splitNumber(argument), let factor = nanoseconds[unit] else { return nil }
        let (total, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        duration = .nanoseconds(total)
    }
}

/// A sync policy as people write it: `never`, `batch`, `interval:100ms`, `bytes:1MiB`.
struct SyncArgument: ExpressibleByArgument {
    var policy: SyncPolicy
    let defaultValueDescription = "batch"

    init(policy: SyncPolicy) {
        self.policy = policy
    }

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch (parts[0], parts.count > 1 ? parts[1] : nil) {
        case ("never", nil): policy = .never
        case ("batch", nil): policy = .batch
        case ("interval", .some(let text)):
            guard let interval = NaturalDuration(argument: text) else { return nil }
            policy = .interval(interval.duration)
        case ("bytes", .some(let text)):
            guard let size = ByteSize(argument: text) else { return nil }
            policy = .bytes(size.bytes)
        default: return nil
        }
    }
}

/// The permissions of files in three octal digits, as `chmod` takes them: `600`, `640`.
struct ModeArgument: ExpressibleByArgument {
    var permissions: FilePermissions

    init?(argument: String) {
        guard argument.utf8.count <= 4, argument.utf8.allSatisfy({ (48...55).contains($0) }),
            let bits = UInt16(argument, radix: 8)
        else { return nil }
        permissions = FilePermissions(rawValue: CModeT(bits))
    }
}

/// An LSN, in decimal digits.
struct LSNArgument: ExpressibleByArgument {
    var lsn: LSN

    init?(argument: String) {
        guard argument.utf8.allSatisfy({ (48...57).contains($0) }), let number = UInt64(argument) else { return nil }
        lsn = LSN(number)
    }
}

/// The log every command works on.
struct LogArgument: ParsableArguments {
    @Argument(help: "The log's directory.", completion: .directory)
    var log: String

    /// As it was given, byte for byte.
    var path: FilePath { RawArguments.path(log) }
}

/// Splits "64MiB" into 64 and "MiB"; nil if there are no digits in front, or too many.
private func splitNumber(_ text: String) -> (Int64, String)? {
    let digits = text.utf8.prefix { (48...57).contains($0) }
    guard let number = Int64(Substring(digits)) else { return nil }
    return (number, String(text.dropFirst(digits.count)))
}
