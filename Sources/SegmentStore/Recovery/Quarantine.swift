import WalPlatform

/// The folder for what a repair cut off. The software puts files there and never deletes one.
package struct Quarantine: Sendable {
    /// A torn tail is kept on a best-effort basis, up to this many bytes an open.
    package static let tornBytesMax: UInt64 = 16 << 20

    package let storage: any Storage
    package let directory: String
    private let flaws: StoreFlaws
    private static let chunk: UInt64 = 1 << 20
    private var folder: String { directory + "/" + FileNames.quarantine }

    package init(storage: any Storage, directory: String, flaws: StoreFlaws = []) {
        self.storage = storage
        self.directory = directory
        self.flaws = flaws
    }

    /// Makes the folder if it is missing, durably.
    package func prepare() throws(StorageError) {
        do {
            try storage.createDirectory(folder)
        } catch  where error.alreadyExists {
            // Made by an earlier try, which may have stopped before its name was durable.
        }
        try storage.syncDirectory(directory)
    }

    /// Copies a range of a file into a new file of the folder, durably. Returns its name: also that of an equal copy that is
    /// there from an earlier try, so that tries that fail don't fill the disk.
    package func copy(_ name: String, range: Range<UInt64>, tag: UInt32) throws(StorageError) -> String {
        let source = try storage.open(directory + "/" + name, .readOnly)
        // Before anything of it is read.
        let data = try DataRanges(source, from: range.lowerBound)
        let window = ByteWindow(source, limit: min(range.upperBound, try source.size()))
        let parts = data.from(range.lowerBound, to: window.limit)
        let stem = "\(name).\(range.lowerBound)."
        for earlier in try storage.list(folder).sorted() where earlier.hasPrefix(stem) {
            do throws(StorageError) {
                guard try holds(earlier, window, parts, from: range.lowerBound) else { continue }
            } catch {
                // It can't be read, whatever it is: another copy is made.
                continue
            }
            try source.close()
            return earlier
        }
        let (copy, target) = try create("\(stem)\(tag)")
        do throws(StorageError) {
            // What is nothing but zeros stays a hole.
            try copy.truncate(max(window.limit, range.lowerBound) - range.lowerBound)
            try Self.inChunks(parts) { (offset, count) throws(StorageError) in
                // What is not copied whole must not be cut.
                guard let bytes = try window.bytes(at: offset, count: count) else {
                    throw StorageError(.read, directory + "/" + name, errno: ErrorNumber.io)
                }
                if isZeros(bytes, count) { return }
                try copy.write(at: offset - range.lowerBound, UnsafeRawBufferPointer(start: bytes, count: count))
            }
            if !flaws.contains(.quarantinesWithoutSync) { try copy.sync() }
            try copy.close()
        } catch {
            // Half a copy is of no use and takes room. What matters is why; a name that stays is in nobody's way.
            do { try copy.close() } catch {}
            do { try storage.unlink(folder + "/" + target) } catch {}
            throw error
        }
        try source.close()
        if !flaws.contains(.quarantinesWithoutSync) { try storage.syncDirectory(folder) }
        return target
    }

    /// Whether a file of the folder holds just the bytes of a window from an offset on, and durably so.
    private func holds(
        _ name: String, _ window: ByteWindow, _ parts: [Range<UInt64>], from start: UInt64
    ) throws(StorageError) -> Bool {
        let file = try storage.open(folder + "/" + name, .readWrite)
        let size = try file.size()
        guard size == window.limit - min(start, window.limit) else {
            try file.close()
            return false
        }
        let own = try DataRanges(file, from: 0).from(0, to: size).map { $0.lowerBound + start..<$0.upperBound + start }
        let copied = ByteWindow(file, limit: size)
        var isEqual = true
        // What neither has as data is zeros in both.
        try Self.inChunks(parts + own) { (offset, count) throws(StorageError) in
            guard isEqual else { return }
            guard let left = try copied.bytes(at: offset - start, count: count),
                let right = try window.bytes(at: offset, count: count)
            else { return isEqual = false }
            isEqual = self.isEqual(left, right, count)
        }
        if isEqual { try file.sync() }
        try file.close()
        if isEqual { try storage.syncDirectory(folder) }
        return isEqual
    }

    /// Calls `body` with each part of the ranges, none of them too large for memory.
    private static func inChunks(
        _ ranges: [Range<UInt64>], _ body: (UInt64, Int) throws(StorageError) -> Void
    ) throws(StorageError) {
        for range in ranges {
            var offset = range.lowerBound
            while offset < range.upperBound {
                let count = min(chunk, range.upperBound - offset)
                try body(offset, Int(count))
                offset += count
            }
        }
    }

    private func isZeros(_ start: UnsafeRawPointer, _ count: Int) -> Bool {
        let words = count & ~7
        return isZero(start, words)
            && UnsafeRawBufferPointer(start: start + words, count: count - words).allSatisfy { $0 == 0 }
    }

    private func isEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        UnsafeRawBufferPointer(start: left, count: count)
            .elementsEqual(UnsafeRawBufferPointer(start: right, count: count))
    }

    /// Makes a file of a name that is free.
    private func create(_ name: String) throws(StorageError) -> (any StorageFile, String) {
        var target = name
        var number = 1
        while true {
            do throws(StorageError) {
                return (try storage.create(folder + "/" + target), target)
            } catch {
                guard error.alreadyExists, number < 1000 else { throw error }
                number += 1
                target = "\(name).\(number)"
            }
        }
    }

    /// Moves a whole file into the folder, durably. Returns its name there.
    package func move(_ name: String, tag: UInt32) throws(StorageError) -> String {
        // Never over a file that an earlier repair has put there.
        let taken = Set(try storage.list(folder))
        var target = "\(name).\(tag)"
        var number = 1
        while taken.contains(target) {
            number += 1
            target = "\(name).\(tag).\(number)"
        }
        try storage.rename(directory + "/" + name, to: folder + "/" + target)
        try storage.syncDirectory(folder)
        try storage.syncDirectory(directory)
        return target
    }

    // MARK: Its bound

    /// How many bytes the files of the folder take, holes left out; 0 if there is none.
    package func usedBytes() throws(StorageError) -> UInt64 {
        let names: [String]
        do throws(StorageError) {
            names = try storage.list(folder)
        } catch {
            if error.isNotFound { return 0 }
            throw error
        }
        var sum: UInt64 = 0
        for name in names {
            let file: any StorageFile
            do throws(StorageError) {
                file = try storage.open(folder + "/" + name, .readOnly)
            } catch  where error.problem == .noFile || error.errno == ErrorNumber.tooManyLinks {
                // Not put there by this software.
                continue
            }
            sum += try Self.dataBytes(file)
            try file.close()
        }
        return sum
    }

    /// How many bytes a file of the log's directory would take there.
    package func neededBytes(_ name: String) throws(StorageError) -> UInt64 {
        let file = try storage.open(directory + "/" + name, .readOnly)
        let count = try Self.dataBytes(file)
        try file.close()
        return count
    }

    private static func dataBytes(_ file: any StorageFile) throws(StorageError) -> UInt64 {
        let size = try file.size()
        return try DataRanges(file, from: 0).from(0, to: size).reduce(0) { $0 + UInt64($1.count) }
    }

    /// Refuses a repair that would put more into the folder than it may hold; nothing is changed before.
    package func check(_ plan: RecoveryPlan, limit: UInt64?) throws(WalError) {
        // One that is stated already goes on: what it puts aside was counted when it began.
        guard let limit, plan.superblock.cutKind == .none else { return }
        let isRepair = plan.cut?.kind == .repair
        guard isRepair || plan.mustRebuildSuperblock else { return }
        let (used, needed) = try attempt("look at the quarantine folder") { () throws(StorageError) in
            var needed: UInt64 = plan.mustRebuildSuperblock ? UInt64(Layout.superblockSize) : 0
            if isRepair {
                for segment in plan.discarded { needed += try neededBytes(segment.name) }
                if plan.cut?.replaces == true, let segment = plan.segments.last {
                    needed += try neededBytes(segment.name)
                }
            }
            return (try usedBytes(), needed)
        }
        guard needed > limit - min(used, limit) else { return }
        throw WalError(
            .quarantineFull,
            "the repair would put \(needed) bytes aside, and the folder holds \(used) of the \(limit) it may: move its files elsewhere, or raise the limit; nothing was changed",
            path: folder)
    }
}
