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
        guard !isCompressed || name.count == digits + compressedSuffix.utf8.count,
            let high = eightDigits(name, at: 0), let middle = eightDigits(name, at: 8),
            // Its first half is the last half of the one before.
            let low = eightDigits(name, at: 12), word(name, at: 20) == word(".seg"),
            !isCompressed || word(name, at: 24) == word(".zst")
        else { return nil }
        let (product, tooLarge) = (high * 100_000_000 + middle).multipliedReportingOverflow(by: 10_000)
        let (base, overflow) = product.addingReportingOverflow(low % 10_000)
        guard !tooLarge, !overflow, base > 0, base < UInt64.max else { return nil }
        return (base, isCompressed)
    }

    private static func word(_ name: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        name.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }

    private static func word(_ text: StaticString) -> UInt32 {
        UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt32.self)
    }

    /// The number that eight bytes stand for, worked out for all at once; nil if one of them is no digit.
    private static func eightDigits(_ name: UnsafeRawBufferPointer, at offset: Int) -> UInt64? {
        let text = UInt64(littleEndian: name.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let values = text &- 0x3030_3030_3030_3030
        // A byte above "9" shows in the first, one below "0" in the second.
        guard ((text &+ 0x4646_4646_4646_4646) | values) & 0x8080_8080_8080_8080 == 0 else { return nil }
        let pairs = (values &* 10 &+ values >> 8) & 0x00FF_00FF_00FF_00FF
        let fours = (pairs &* 100 &+ pairs >> 16) & 0x0000_FFFF_0000_FFFF
        return (fours &* 10_000 &+ fours >> 32) & 0xFFFF_FFFF
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

    /// Whether the name is one of a file that making a log makes, but for the lock.
    package static func isOfNewLog(_ name: String) -> Bool {
        name == superblock || isTemporary(name) || base(ofSegment: name) != nil
    }

    /// Whether the name is one a log directory may hold.
    package static func isKnown(_ name: String) -> Bool {
        [lock, superblock, checkpoints, quarantine].contains(name) || isTemporary(name) || base(ofSegment: name) != nil
            || base(ofCompressed: name) != nil
    }

    /// Whether the name shows that a directory which holds no log is used for something else.
    package static func isStranger(_ name: String) -> Bool { !isKnown(name) && !isOfFileSystem(name) }

    /// Names that file systems, and the systems that look at them, put into a directory unasked: nobody keeps anything there.
    private static let namesOfFileSystems: Set<String> = [
        "lost+found", "aquota.user", "aquota.group", "quota.user", "quota.group", ".snapshot", ".snapshots", ".zfs",
        ".ds_store", ".localized", ".apdisk", ".fseventsd", ".trashes", ".temporaryitems", ".spotlight-v100",
        ".documentrevisions-v100", ".metadata_never_index", ".volumeicon.icns", ".com.apple.timemachine.donotpresent",
        ".appledouble", ".appledb", ".appledesktop", "@eadir", "@tmp", "@recycle", "#recycle", "#snapshot",
        "system volume information", "$recycle.bin", "recycler", "thumbs.db", "desktop.ini", ".directory",
    ]

    /// The same where the rest of the name differs: files removed while they were open, trash of a user, attributes of a file.
    private static let prefixesOfFileSystems = [".nfs", ".fuse_hidden", ".smbdelete", ".panfs.", ".trash", "._"]

    private static func isOfFileSystem(_ name: String) -> Bool {
        let name = name.lowercased()
        return namesOfFileSystems.contains(name) || prefixesOfFileSystems.contains { name.hasPrefix($0) }
    }
}
