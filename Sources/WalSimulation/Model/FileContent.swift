/// The bytes of a file as copy-on-write pages, so that the many disks of one crash point share all they don't change.
///
/// Invariant: there are exactly as many pages as the size needs, and bytes beyond the size are zero.
struct FileContent: Sendable {
    static let pageSize = 4096
    /// 16 GiB; keeps a wrong size from taking the memory of the machine.
    static let sizeLimit = Int(clamping: UInt64(1) << 34)
    private static let zeroPage = [UInt8](repeating: 0, count: pageSize)

    private(set) var pages: [[UInt8]] = []
    private(set) var size = 0

    init() {}

    init(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write(at: 0, $0) }
    }

    /// Bytes gained read as zeros, also where the file was longer once.
    mutating func setSize(_ newSize: Int) {
        let pageCount = (newSize + Self.pageSize - 1) / Self.pageSize
        if pageCount < pages.count {
            pages.removeSubrange(pageCount...)
        } else if pageCount > pages.count {
            pages.append(contentsOf: repeatElement(Self.zeroPage, count: pageCount - pages.count))
        }
        if newSize < size, newSize % Self.pageSize != 0 {
            let tail = newSize % Self.pageSize
            pages[pageCount - 1].withUnsafeMutableBytes { page in
                for index in tail..<page.count { page[index] = 0 }
            }
        }
        size = newSize
    }

    mutating func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        if offset + bytes.count > size { setSize(offset + bytes.count) }
        var done = 0
        while done < bytes.count {
            let position = offset + done
            let start = position % Self.pageSize
            let count = min(Self.pageSize - start, bytes.count - done)
            let source = UnsafeRawBufferPointer(rebasing: bytes[done..<done + count])
            pages[position / Self.pageSize].withUnsafeMutableBytes { page in
                UnsafeMutableRawBufferPointer(rebasing: page[start..<start + count]).copyMemory(from: source)
            }
            done += count
        }
    }

    /// Copies what there is at `offset`; returns how many bytes.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard offset < size else { return 0 }
        let total = min(buffer.count, size - offset)
        var done = 0
        while done < total {
            let position = offset + done
            let start = position % Self.pageSize
            let count = min(Self.pageSize - start, total - done)
            pages[position / Self.pageSize].withUnsafeBytes { page in
                UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: page[start..<start + count]))
            }
            done += count
        }
        return total
    }

    /// Puts a sector's version in place, but nothing at or beyond `limit`, and never grows the file.
    mutating func patch(at offset: Int, _ bytes: [UInt8], limit: Int) {
        let count = min(bytes.count, min(limit, size) - offset)
        guard count > 0 else { return }
        bytes.withUnsafeBytes { write(at: offset, UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    /// One whole sector, zeros where the file has none.
    ///
    /// A sector never crosses a page.
    func withSector<R>(_ index: Int, size sectorSize: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let offset = index * sectorSize
        let page = offset / Self.pageSize
        let start = offset % Self.pageSize
        return (page < pages.count ? pages[page] : Self.zeroPage).withUnsafeBytes { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + sectorSize]))
        }
    }

    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
