/// A file without its name: what programs see of it, what is durable, and all versions in between.
struct FileNode: Sendable {
    /// A sector as some write since the last sync left it.
    struct SectorVersion: Sendable {
        var sequence: Int
        var bytes: [UInt8]
    }

    /// A size the file had since the last sync.
    struct SizeVersion: Sendable {
        var sequence: Int
        var size: Int
        var isShrink: Bool
    }

    private(set) var content = FileContent()
    private(set) var durable = FileContent()
    private(set) var sectors: [Int: [SectorVersion]] = [:]
    private(set) var sizes: [SizeVersion] = []
    /// The end of the range that has room on the device; the rest of the file, if any, is a hole.
    private(set) var allocated = 0
    /// Whether a name leads here, as programs see it.
    var isLinked = true
    /// Open handles.
    ///
    /// An unlinked file lives until the last one closes.
    var handles = 0

    init() {}

    /// A file all of which is durable.
    init(durable: FileContent, allocated: Int) {
        content = durable
        self.durable = durable
        self.allocated = allocated
    }

    mutating func write(at offset: Int, _ bytes: UnsafeRawBufferPointer, sequence: Int, sectorSize: Int) {
        guard !bytes.isEmpty else { return }
        let oldSize = content.size
        content.write(at: offset, bytes)
        let end = offset + bytes.count
        noteAllocation(end, sectorSize: sectorSize)
        noteSize(from: oldSize, sequence: sequence)
        for sector in offset / sectorSize...(end - 1) / sectorSize {
            noteSector(sector, sequence: sequence, sectorSize: sectorSize)
        }
    }

    /// Sets the size; `allocating` tells whether the device reserves room for it.
    mutating func setSize(_ size: Int, allocating: Bool, sequence: Int, sectorSize: Int) {
        let oldSize = content.size
        content.setSize(size)
        if allocating { noteAllocation(size, sectorSize: sectorSize) }
        if size < oldSize { allocated = min(allocated, Self.roundUp(size, to: sectorSize)) }
        noteSize(from: oldSize, sequence: sequence)
    }

    /// A write that is durable at once.
    mutating func writeThrough(at offset: Int, _ bytes: UnsafeRawBufferPointer, sectorSize: Int) {
        guard !bytes.isEmpty else { return }
        content.write(at: offset, bytes)
        noteAllocation(offset + bytes.count, sectorSize: sectorSize)
    }

    /// The device says that all is durable, but keeps its old version of one sector.
    mutating func sync(losing sector: Int, sectorSize: Int) {
        let old = durable.withSector(sector, size: sectorSize) { [UInt8]($0) }
        sync()
        durable.patch(at: sector * sectorSize, old, limit: durable.size)
    }

    /// The device puts a sector meant for another place here. Programs don't see it as long as they have the right one cached.
    mutating func misplace(_ bytes: [UInt8], at sector: Int, sectorSize: Int) {
        durable.patch(at: sector * sectorSize, bytes, limit: durable.size)
    }

    mutating func sync() {
        durable = content
        sectors = [:]
        sizes = []
    }

    /// Changes bytes behind the program's back: seen at once and durable, whatever is pending elsewhere.
    mutating func corrupt(at offset: Int, xor mask: UInt8, sectorSize: Int) {
        func flip(_ content: inout FileContent) {
            guard offset < content.size else { return }
            let flipped = content.withSector(offset / sectorSize, size: sectorSize) { $0[offset % sectorSize] ^ mask }
            withUnsafeBytes(of: flipped) { content.write(at: offset, $0) }
        }
        flip(&content)
        flip(&durable)
        let sector = offset / sectorSize
        for index in sectors[sector]?.indices ?? 0..<0 {
            sectors[sector]?[index].bytes[offset % sectorSize] ^= mask
        }
    }

    /// The file after a crash that kept the first `keptSizes` size changes; sectors are patched in by the caller.
    func crashed(keptSizes: Int) -> FileContent {
        var result = durable
        for version in sizes.prefix(keptSizes) { result.setSize(version.size) }
        return result
    }

    /// Where a version of a sector ends because a later, surviving cut took the rest.
    func limit(ofVersionAt sequence: Int, keptSizes: Int) -> Int {
        sizes.prefix(keptSizes).filter { $0.isShrink && $0.sequence > sequence }.map(\.size).min() ?? Int.max
    }

    static func roundUp(_ size: Int, to sectorSize: Int) -> Int {
        (size + sectorSize - 1) / sectorSize * sectorSize
    }

    private mutating func noteAllocation(_ end: Int, sectorSize: Int) {
        allocated = max(allocated, Self.roundUp(end, to: sectorSize))
    }

    private mutating func noteSize(from oldSize: Int, sequence: Int) {
        guard content.size != oldSize else { return }
        sizes.append(SizeVersion(sequence: sequence, size: content.size, isShrink: content.size < oldSize))
    }

    private mutating func noteSector(_ sector: Int, sequence: Int, sectorSize: Int) {
        let versions = sectors[sector]
        let newest = versions?.last
        // After a cut the old bytes are no longer what a surviving cut leaves, so equal ones are a version of their own.
        let lastCut = sizes.last(where: \.isShrink)?.sequence ?? -1
        if (newest?.sequence ?? 0) > lastCut || lastCut == -1 {
            let isSame = content.withSector(sector, size: sectorSize) { new in
                if let newest { return newest.bytes.withUnsafeBytes { haveEqualBytes($0, new) } }
                return durable.withSector(sector, size: sectorSize) { haveEqualBytes($0, new) }
            }
            if isSame { return }
        }
        let bytes = content.withSector(sector, size: sectorSize) { [UInt8]($0) }
        sectors[sector, default: []].append(SectorVersion(sequence: sequence, bytes: bytes))
    }
}

extension FileNode {
    /// The room the durable part takes.
    func durableAllocated(_ sectorSize: Int) -> Int {
        Self.roundUp(durable.size, to: sectorSize)
    }
}
