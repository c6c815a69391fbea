/// A 128-bit digest of what a disk holds, made in one fast pass, by which equal crash states are known.
struct StateDigest: Hashable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// Everything on a disk of which all is durable; `pages` are those whose digest is known.
    init(_ disk: DiskModel, _ pages: SeenStates.Pages) {
        for (path, id) in disk.directoryIDs {
            guard let directory = disk.directories[id] else { continue }
            var paths = Hash(seed: 1)
            paths.combine(path)
            add(paths)
            for (name, entry) in directory.durable {
                guard case .file(let id) = entry, let content = disk.files[id]?.durable else { continue }
                var file = Hash(seed: 2)
                file.combine(path)
                file.combine(name)
                file.combine(UInt64(content.size))
                for page in content.pages {
                    let digest = pages.digest(of: page)
                    file.combine(digest.first)
                    file.combine(digest.second)
                }
                add(file)
            }
        }
    }

    /// A sum, so that the order in which a dictionary gives files does not matter.
    private mutating func add(_ hash: Hash) {
        low &+= hash.words.0
        high &+= hash.words.1
    }

    private struct Hash {
        private var first: UInt64
        private var second: UInt64 = 0x9E37_79B9_7F4A_7C15

        init(seed: UInt64) {
            first = seed &* 0xD6E8_FEB8_6659_FD93
        }

        var words: (UInt64, UInt64) {
            var end = self
            end.combine(end.first ^ end.second)
            end.combine(end.first &+ end.second)
            return (end.first, end.second)
        }

        mutating func combine(_ word: UInt64) {
            let product = (first ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
            first = product.low ^ product.high &+ 0xA076_1D64_78BD_642F
            second = (second &+ word) &* 0xFF51_AFD7_ED55_8CCD
            second ^= second >> 32
        }

        mutating func combine(_ text: String) {
            var text = text
            combine(UInt64(text.utf8.count))
            text.withUTF8 { for byte in $0 { combine(UInt64(byte)) } }
        }
    }
}

/// The digests of the states of a crash point, and of those before it since the last promise.
struct SeenStates {
    /// Pages that many states share. They are kept, so that no other page can have their address.
    struct Pages {
        private var known: [UnsafeRawPointer: (page: [UInt8], digest: PageDigest)] = [:]

        mutating func know(_ page: [UInt8]) {
            guard let address = page.withUnsafeBytes({ $0.baseAddress }), known[address] == nil else { return }
            known[address] = (page, PageDigest(page))
        }

        mutating func forget(above count: Int) {
            if known.count > count { known.removeAll(keepingCapacity: true) }
        }

        func digest(of page: [UInt8]) -> PageDigest {
            guard let address = page.withUnsafeBytes({ $0.baseAddress }), let known = known[address] else {
                return PageDigest(page)
            }
            return known.digest
        }
    }

    private static let pagesMax = 4096
    private var digests: Set<StateDigest> = []
    private var pages = Pages()

    /// The durable pages of a point are in most of its states.
    mutating func know(_ plan: ChoicePlan) {
        pages.forget(above: Self.pagesMax)
        for file in plan.files {
            for page in file.node.durable.pages { pages.know(page) }
        }
    }

    /// Returns false if an equal disk was there before.
    mutating func insert(_ disk: DiskModel) -> Bool { digests.insert(StateDigest(disk, pages)).inserted }

    mutating func removeAll() { digests.removeAll(keepingCapacity: true) }
}

/// A digest of a page, made in lanes that the processor works on side by side.
struct PageDigest {
    private(set) var first: UInt64 = 0
    private(set) var second: UInt64 = 0

    init(_ page: [UInt8]) {
        page.withUnsafeBytes { bytes in
            var lanes = SIMD4<UInt64>(1, 2, 3, 4)
            var others = SIMD4<UInt64>(5, 6, 7, 8)
            let step = MemoryLayout<SIMD4<UInt64>>.size
            for offset in stride(from: 0, to: bytes.count - step + 1, by: step) {
                let words = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
                // Odd factors and shifts lose nothing; the two run apart, so that one collision is not both.
                lanes = (lanes ^ words) &* 0x9E37_79B9_7F4A_7C15
                lanes ^= lanes &>> 29
                others = (others &+ words) &* 0xC4CE_B9FE_1A85_EC53
                others ^= others &>> 32
            }
            for index in 0..<4 {
                first = (first ^ lanes[index]) &* 0xFF51_AFD7_ED55_8CCD
                first ^= first &>> 33
                second = (second &+ others[index]) &* 0x9E37_79B9_7F4A_7C15
                second ^= second &>> 31
            }
        }
    }
}
