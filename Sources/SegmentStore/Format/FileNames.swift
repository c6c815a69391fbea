/// The names in a log directory.
package enum FileNames {
    package static let lock = "LOCK"
    package static let superblock = "LOG"
    package static let superblockTemporary = "LOG.tmp"
    package static let spare = "next.tmp"
    package static let checkpoints = "checkpoints"
    package static let quarantine = "quarantine"
    package static let segmentSuffix = ".seg"
    package static let compressedSuffix = ".seg.zst"
    package static let temporarySuffix = ".tmp"
    package static let checkpointSuffix = ".ckpt"

    /// The name of the segment whose first LSN is `base`: twenty digits, so that names sort as numbers do.
    package static func segment(base: UInt64) -> String {
        let digits = String(base)
        return String(repeating: "0", count: 20 - digits.count) + digits + segmentSuffix
    }

    /// The name of the same segment once it is compressed.
    package static func compressedSegment(base: UInt64) -> String {
        segment(base: base) + compressedSuffix.dropFirst(segmentSuffix.count)
    }

    /// Whether a name or path is that of a compressed segment.
    package static func isCompressed(_ name: String) -> Bool { name.hasSuffix(compressedSuffix) }

    /// The base in the name of a raw segment, or nil if the name is no such name.
    package static func base(ofSegment name: String) -> UInt64? { base(name, suffix: ".seg") }

    /// The base in the name of a compressed segment, or nil if the name is no such name.
    package static func base(ofCompressed name: String) -> UInt64? { base(name, suffix: ".seg.zst") }

    /// Looks at bytes: opening does this to every name of a directory with many.
    private static func base(_ name: String, suffix: StaticString) -> UInt64? {
        var name = name
        return name.withUTF8 { bytes -> UInt64? in
            guard bytes.count == 20 + suffix.utf8CodeUnitCount else { return nil }
            var base: UInt64 = 0
            for byte in bytes[..<20] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                let (product, tooLarge) = base.multipliedReportingOverflow(by: 10)
                let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - 0x30))
                if tooLarge || overflow { return nil }
                base = sum
            }
            for index in 0..<suffix.utf8CodeUnitCount where bytes[20 + index] != suffix.utf8Start[index] { return nil }
            return base > 0 && base < UInt64.max ? base : nil
        }
    }

    /// The name of a checkpoint's file in its folder. `name` must be one that a checkpoint can have.
    package static func checkpoint(_ name: String) -> String { name + checkpointSuffix }

    /// The checkpoint whose file has this name, or nil if it is no such name.
    package static func name(ofCheckpoint file: String) -> String? {
        guard file.hasSuffix(checkpointSuffix) else { return nil }
        let name = String(file.dropLast(checkpointSuffix.count))
        return Checkpoint.isName(name) ? name : nil
    }

    /// Whether the name, in the folder of checkpoints, is an unfinished file of this software.
    package static func isTemporaryCheckpoint(_ file: String) -> Bool {
        file.hasSuffix(temporarySuffix) && name(ofCheckpoint: String(file.dropLast(temporarySuffix.count))) != nil
    }

    /// Whether the name is one of this software's temporary files.
    package static func isTemporary(_ name: String) -> Bool {
        guard name.hasSuffix(temporarySuffix) else { return false }
        let stem = String(name.dropLast(temporarySuffix.count))
        return name == spare || name == superblockTemporary || base(ofSegment: stem) != nil
            || base(ofCompressed: stem) != nil
    }

    /// Whether the name is one a log directory may hold.
    package static func isKnown(_ name: String) -> Bool {
        [lock, superblock, checkpoints, quarantine].contains(name) || isTemporary(name) || base(ofSegment: name) != nil
            || base(ofCompressed: name) != nil
    }
}
