import Foundation
import SegmentStore
import WalPlatform

/// One way for a storage call to fail.
struct FaultKind: Sendable, CustomStringConvertible {
    /// The calls it can happen to; nil for all.
    var operations: Set<StorageError.Operation>?
    var errno: CInt
    var isLasting: Bool
    var effect = Fault.Effect.nothing
    /// Whether it changes nothing and passes: no store may fail because of it.
    var isRefusal = false

    var description: String {
        "\(ErrorNumber.describe(errno)), \(effect)\(isLasting ? ", from then on" : "")"
    }

    func fault(at occurrence: Int) -> Fault {
        Fault(operations: operations, occurrence: occurrence, isLasting: isLasting, errno: errno, effect: effect)
    }

    /// An interruption is not among them: it never reaches the seam, and `PosixSweepTests` puts it below.
    private static let errors = [
        ErrorNumber.io, ErrorNumber.noSpace, ErrorNumber.quota, ErrorNumber.readOnlyFileSystem,
        ErrorNumber.tooManyOpenFiles,
    ]

    private static let changes: Set<StorageError.Operation> = [
        .createDirectory, .create, .write, .allocate, .truncate, .sync, .syncDirectory, .rename, .unlink,
    ]

    private static let refusals = [
        ErrorNumber.permission, ErrorNumber.notPermitted, ErrorNumber.readOnlyFileSystem, ErrorNumber.tooManyOpenFiles,
        ErrorNumber.tooManyOpenFilesSystem, ErrorNumber.outOfMemory, ErrorNumber.wouldBlock,
    ]

    /// What the system can refuse before it does anything.
    private static let refusable: Set<StorageError.Operation> = [
        .list, .createDirectory, .create, .open, .rename, .unlink, .map,
    ]

    /// Every error of every call; errors of writes that were done in part and of changes that were done; short reads.
    static let all: [Self] = [false, true].flatMap { refused($0) + failed($0) }

    private static func refused(_ isLasting: Bool) -> [Self] {
        var kinds: [Self] = refusals.map { errno in
            Self(operations: refusable, errno: errno, isLasting: isLasting, isRefusal: true)
        }
        // Done, and said to be refused; and what would tell is refused, too.
        for operation in [StorageError.Operation.rename, .unlink] {
            kinds.append(
                Self(
                    operations: [operation, .list], errno: ErrorNumber.permission, isLasting: isLasting,
                    effect: .everything, isRefusal: true))
        }
        return kinds
    }

    private static func failed(_ isLasting: Bool) -> [Self] {
        errors.map { Self(errno: $0, isLasting: isLasting) }
            + [ErrorNumber.io, ErrorNumber.noSpace, ErrorNumber.quota].map {
                Self(operations: [.write], errno: $0, isLasting: isLasting, effect: .partOfWrite(byteCount: 700))
            }
            + [ErrorNumber.io, ErrorNumber.noSpace].map {
                Self(operations: changes, errno: $0, isLasting: isLasting, effect: .everything)
            } + [Self(operations: [.read], errno: ErrorNumber.io, isLasting: isLasting, effect: .halfOfRead)]
    }
}
