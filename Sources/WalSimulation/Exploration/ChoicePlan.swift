/// All a crash at one moment leaves open, and the making of a disk from one choice of it.
///
/// A choice is a vector with one value per choice point, 0 meaning "not survived". Points come in the order names,
/// sizes, sectors, so that counting up changes the sectors most often and the names least.
struct ChoicePlan {
    /// A pending thing that a crash settles.
    struct Point {
        enum Kind {
            case name(directory: Int, change: DirectoryNode.NameChange)
            case size(file: Int)
            case sector(file: Int, index: Int)
        }

        var kind: Kind
        /// The number of values.
        var radix: Int
        /// The value that stands for the newest version.
        var newest: Int
        /// When each of the values above 0 came to be, ascending; garbage has no time.
        var sequences: [Int]
    }

    /// A file some choice can leave reachable, with the points that are its own.
    struct File {
        var id: Int
        var node: FileNode
        var sizePoint: Int?
        var sectorPoints: Range<Int>
    }

    private(set) var points: [Point] = []
    private(set) var files: [File] = []
    let namePoints: Int
    private let model: DiskModel
    private let nameIndex: [Int: Int]
    /// The point that settles whether a directory made since the last sync of its parent survives.
    private var directoryIndex: [Int: Int] = [:]

    init(_ model: DiskModel) {
        self.model = model
        var nameIndex: [Int: Int] = [:]
        for (id, directory) in model.directories.sorted(by: { $0.key < $1.key }) {
            for change in directory.pending {
                nameIndex[change.sequence] = points.count
                if case .directory(let made)? = change.added?.entry, made == change.sequence {
                    directoryIndex[made] = points.count
                }
                points.append(
                    Point(
                        kind: .name(directory: id, change: change), radix: 2, newest: 1,
                        sequences: [change.sequence]))
            }
        }
        self.nameIndex = nameIndex
        namePoints = points.count
        for (id, node) in model.reachableFiles { files.append(addSize(id, node)) }
        for index in files.indices { files[index].sectorPoints = addSectors(files[index]) }
    }

    /// The number of vectors, Int.max if it is that or more.
    var combinations: Int {
        Self.product(points.lazy.map(\.radix))
    }

    static func product(_ radices: some Sequence<Int>) -> Int {
        var result = 1
        for radix in radices {
            let (product, overflow) = result.multipliedReportingOverflow(by: radix)
            if overflow { return Int.max }
            result = product
        }
        return result
    }

    private mutating func addSize(_ id: Int, _ node: FileNode) -> File {
        var sizePoint: Int?
        if !node.sizes.isEmpty {
            sizePoint = points.count
            points.append(
                Point(
                    kind: .size(file: id), radix: node.sizes.count + 1, newest: node.sizes.count,
                    sequences: node.sizes.map(\.sequence)))
        }
        return File(id: id, node: node, sizePoint: sizePoint, sectorPoints: 0..<0)
    }

    private mutating func addSectors(_ file: File) -> Range<Int> {
        let first = points.count
        for (index, versions) in file.node.sectors.sorted(by: { $0.key < $1.key }) {
            points.append(
                Point(
                    kind: .sector(file: file.id, index: index),
                    radix: versions.count + 1 + (model.flaws.leavesGarbage ? 1 : 0), newest: versions.count,
                    sequences: versions.map(\.sequence)))
        }
        return first..<points.count
    }

    // MARK: Making a disk

    /// A disk on which the chosen names are durable, with the durable bytes of every file they lead to.
    func named(_ vector: [Int]) -> DiskModel {
        var result = DiskModel(sectorSize: model.sectorSize, directoryRules: model.directoryRules)
        result.flaws = model.flaws
        var resolved = model.directories.mapValues(\.durable)
        for index in 0..<namePoints where vector[index] != 0 {
            guard case .name(let directory, let change) = points[index].kind else { continue }
            change.apply(to: &resolved[directory, default: [:]])
        }
        // From the root on: what no name leads to any more is gone.
        var next: [(id: Int, place: DirectoryNode.Place?)] = [(DiskModel.root, nil)]
        var reached: Set<Int> = [DiskModel.root]
        while let (directory, place) = next.popLast() {
            var entries = resolved[directory] ?? [:]
            for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
                switch entry {
                case .file(let id):
                    guard result.files[id] == nil, let node = model.files[id] else { continue }
                    result.files[id] = FileNode(
                        durable: node.durable, allocated: node.durableAllocated(model.sectorSize))
                    result.reserve(id)
                case .directory(let id):
                    // One that was moved has one name, the old or the new.
                    if reached.insert(id).inserted {
                        next.append((id, DirectoryNode.Place(parent: directory, name: name)))
                        result.reserve(id)
                    } else {
                        entries[name] = nil
                    }
                }
            }
            result.directories[directory] = DirectoryNode(durable: entries, place: place)
        }
        result.findPaths()
        return result
    }

    /// The disk of a vector, from the one its names give.
    func image(_ vector: [Int], named: DiskModel) -> DiskModel {
        var result = named
        for file in files where result.files[file.id] != nil {
            let keptSizes = file.sizePoint.map { vector[$0] } ?? 0
            guard keptSizes != 0 || file.sectorPoints.contains(where: { vector[$0] != 0 }) else { continue }
            var content = file.node.crashed(keptSizes: keptSizes)
            for point in file.sectorPoints where vector[point] != 0 {
                patch(&content, file, point, value: vector[point], keptSizes: keptSizes)
            }
            let allocated = FileNode.roundUp(content.size, to: model.sectorSize)
            result.files[file.id] = FileNode(durable: content, allocated: allocated)
        }
        return result
    }

    private func patch(_ content: inout FileContent, _ file: File, _ point: Int, value: Int, keptSizes: Int) {
        guard case .sector(_, let index) = points[point].kind, let versions = file.node.sectors[index] else { return }
        let offset = index * model.sectorSize
        guard value <= versions.count else {
            content.patch(at: offset, garbage(file.id, index), limit: content.size)
            return
        }
        let version = versions[value - 1]
        let limit = file.node.limit(ofVersionAt: version.sequence, keptSizes: keptSizes)
        content.patch(at: offset, version.bytes, limit: limit)
    }

    private func garbage(_ file: Int, _ sector: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(file) << 32 ^ UInt64(sector))
        return (0..<model.sectorSize).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    // MARK: Choosing

    /// Sets to 0 what makes no difference to the disk, and departures whose arrival is lost.
    ///
    /// Returns whether it changed
    /// anything: if it did, the vector is either impossible or another one gives the same disk.
    func canonicalizeNames(_ vector: inout [Int]) -> Bool {
        var changed = false
        for index in 0..<namePoints where vector[index] != 0 {
            guard case .name(_, let change) = points[index].kind, let arrival = change.needs else { continue }
            // An arrival that is no longer pending is durable.
            let isLost = nameIndex[arrival.sequence].map { vector[$0] == 0 } ?? false
            if isLost || isDirectoryLost(arrival.directory, vector) {
                vector[index] = 0
                changed = true
            }
        }
        return changed
    }

    private func isDirectoryLost(_ directory: Int, _ vector: [Int]) -> Bool {
        if let index = directoryIndex[directory], vector[index] == 0 { return true }
        guard let parent = model.directories[directory]?.place?.parent else { return false }
        return isDirectoryLost(parent, vector)
    }

    /// The same for names in directories, and sizes and sectors of files, that `named` does not have, and for sectors
    /// beyond the size.
    func canonicalizeFiles(_ vector: inout [Int], named: DiskModel) -> Bool {
        var changed = false
        func clear(_ point: Int) {
            if vector[point] != 0 {
                vector[point] = 0
                changed = true
            }
        }
        for index in 0..<namePoints {
            if case .name(let id, _) = points[index].kind, named.directories[id] == nil { clear(index) }
        }
        for file in files {
            let exists = named.files[file.id] != nil
            if !exists, let sizePoint = file.sizePoint { clear(sizePoint) }
            let keptSizes = file.sizePoint.map { vector[$0] } ?? 0
            let size = keptSizes == 0 ? file.node.durable.size : file.node.sizes[keptSizes - 1].size
            for point in file.sectorPoints {
                guard case .sector(_, let index) = points[point].kind else { continue }
                if !exists || index * model.sectorSize >= size { clear(point) }
            }
        }
        return changed
    }

    var noneVector: [Int] { [Int](repeating: 0, count: points.count) }

    var allVector: [Int] { points.map(\.newest) }

    /// The vector of a choice; nil if the choice names points or values there are none of.
    func vector(_ choice: CrashPoint.Choice) -> [Int]? {
        switch choice {
        case .none: return noneVector
        case .all: return allVector
        case .allBut(let point):
            guard points.indices.contains(point) else { return nil }
            var vector = allVector
            vector[point] = 0
            return vector
        case .only(let point):
            guard points.indices.contains(point) else { return nil }
            var vector = noneVector
            vector[point] = points[point].newest
            return vector
        case .random(let seed): return randomVector(seed)
        case .values(let values):
            guard values.count <= points.count else { return nil }
            guard zip(values, points).allSatisfy({ (0..<$1.radix).contains($0) }) else { return nil }
            return values + [Int](repeating: 0, count: points.count - values.count)
        }
    }

    /// Four kinds of accident in turn: anything, mostly lost, mostly kept, and all up to some moment.
    func randomVector(_ seed: UInt64) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        let kind = generator.next() % 4
        let moments = points.flatMap(\.sequences)
        let moment = moments.isEmpty ? 0 : moments[Int(generator.next() % UInt64(moments.count))]
        return points.map { point in
            let any = Int(generator.next() % UInt64(point.radix))
            let isException = generator.next() % 8 == 0
            switch kind {
            case 0: return any
            case 1: return isException ? any : 0
            case 2: return isException ? any : point.newest
            default: return point.sequences.prefix { $0 <= moment }.count
            }
        }
    }
}
