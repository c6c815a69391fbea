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
    package static func segment(base: UInt64) -> String { name(base, segmentSuffix) }

    /// The name of the same segment once it is compressed.
    package static func compressedSegment(base: UInt64) -> String { name(base, compressedSuffix) }

    private static let digits = 20

    private static func name(_ base: UInt64, _ suffix: String) -> String {
        let count = digits + suffix.utf8.count
        return String(unsafeUninitializedCapacity: count) { bytes in
            var rest = base
            for index in (0..<digits).reversed() {
                bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            _ = UnsafeMutableBufferPointer(rebasing: bytes[digits...]).initialize(fromContentsOf: suffix.utf8)
            return count
        }
    }

    /// Whether a name or path is that of a compressed segment.
    package static func isCompressed(_ name: String) -> Bool { name.hasSuffix(compressedSuffix) }

    /// The base in the name of a raw segment, or nil if the name is no such name.
    package static func base(ofSegment name: String) -> UInt64? { base(name, isCompressed: false) }

    /// The base in the name of a compressed segment, or nil if the name is no such name.
    package static func base(ofCompressed name: String) -> UInt64? { base(name, isCompressed: true) }

    private static func base(_ name: String, isCompressed: Bool) -> UInt64? {
        var name = name
        return name.withUTF8 { bytes in
            guard let found = segment(named: UnsafeRawBufferPointer(bytes)), found.isCompressed == isCompressed else {
                return nil
            }
            return found.base
        }
    }

    /// What segment a name is that of, and whether of its compressed file; nil if it is no such name. For bytes, since opening
    /// does this to every name of a directory with many.
    package static func segment(named name: UnsafeRawBufferPointer) -> (base: UInt64, isCompressed: Bool)? {
        let isCompressed = name.count != digits + segmentSuffix.utf8.count
        guard !isCompressed || name.count == digits + compressedSuffix.utf8.count else { return nil }
        var base: UInt64 = 0
        for index in 0..<digits {
            let digit = UInt64(name[index] &- UInt8(ascii: "0"))
            guard digit <= 9 else { return nil }
            guard index < digits - 1 else {
                // Only with the last digit can the number become too large.
                let (product, tooLarge) = base.multipliedReportingOverflow(by: 10)
                let (sum, overflow) = product.addingReportingOverflow(digit)
                if tooLarge || overflow { return nil }
                base = sum
                break
            }
            base = base &* 10 &+ digit
        }
        guard base > 0, base < UInt64.max else { return nil }
        var index = digits
        for byte in (isCompressed ? compressedSuffix : segmentSuffix).utf8 {
            guard name[index] == byte else { return nil }
            index += 1
        }
        return (base, isCompressed)
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
