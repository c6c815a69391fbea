import WalPlatform

/// The folder for what a repair cut off. The software puts files there and never deletes one.
package struct Quarantine: Sendable {
    /// A torn tail is kept on a best-effort basis, up to this many bytes an open.
    package static let tornBytesMax: UInt64 = 16 << 20

    package let storage: any Storage
    package let directory: String
    private let flaws: StoreFlaws
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
        let window = ByteWindow(source, limit: min(range.upperBound, try source.size()))
        let stem = "\(name).\(range.lowerBound)."
        for earlier in try storage.list(folder).sorted() where earlier.hasPrefix(stem) {
            do throws(StorageError) {
                guard try holds(earlier, window, from: range.lowerBound) else { continue }
            } catch {
                // It can't be read, whatever it is: another copy is made.
                continue
            }
            try source.close()
            return earlier
        }
        let (copy, target) = try create("\(stem)\(tag)")
        do throws(StorageError) {
            var offset = range.lowerBound
            while offset < window.limit {
                let count = Int(min(1 << 20, window.limit - offset))
                // What is not copied whole must not be cut.
                guard let bytes = try window.bytes(at: offset, count: count) else {
                    throw StorageError(.read, directory + "/" + name, errno: ErrorNumber.io)
                }
                try copy.write(at: offset - range.lowerBound, UnsafeRawBufferPointer(start: bytes, count: count))
                offset += UInt64(count)
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
    private func holds(_ name: String, _ window: ByteWindow, from start: UInt64) throws(StorageError) -> Bool {
        let file = try storage.open(folder + "/" + name, .readWrite)
        let size = try file.size()
        guard size == window.limit - min(start, window.limit) else {
            try file.close()
            return false
        }
        let copied = ByteWindow(file, limit: size)
        var offset: UInt64 = 0
        while offset < size {
            let count = Int(min(1 << 20, size - offset))
            guard let left = try copied.bytes(at: offset, count: count),
                let right = try window.bytes(at: start + offset, count: count), isEqual(left, right, count)
            else {
                try file.close()
                return false
            }
            offset += UInt64(count)
        }
        try file.sync()
        try file.close()
        try storage.syncDirectory(folder)
        return true
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
}
