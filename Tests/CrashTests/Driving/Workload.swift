import SegmentStore
import WalSimulation

/// What a run does to a log, apart from the seed of its choices.
struct Workload: Sendable, Hashable {
    enum Sizes: String, Sendable, CaseIterable {
        /// One event of one size to a frame, so that stale frames of an earlier life line up with new ones.
        case fixed
        case varying
    }

    /// What makes events durable.
    enum Syncing: String, Sendable, CaseIterable {
        case every
        case few
        /// Nothing but the maintenance that settles rolled segments.
        case never
    }

    var sizes = Sizes.fixed
    var syncing = Syncing.every
    var preallocation = Preallocation.allocated
    /// Whether sealed segments are compressed, all but the newest one.
    var compresses = false
    var sectorSize = SectorSize.bytes512
    var directoryRules = DirectoryRules.strict
    /// Whether a sector that is being written may hold garbage after a power cut. The log pads its writes to sectors.
    var spoilsSectors = false
    /// What goes wrong besides the power.
    var trouble = Trouble.none

    enum Trouble: String, Sendable, CaseIterable {
        case none
        /// The process is killed inside any call; what it wrote stays in the page cache, where the next one finds it.
        case kills
        /// There is little room on the disk, now and then.
        case fullDisk
        /// The device lies about a sync. No event is cut off, so that all that was ever said to be durable must be.
        case lies
    }

    /// Those that compress segments, too.
    static let compressing: [Self] = [
        Self(sizes: .fixed, syncing: .every, preallocation: .growing, compresses: true),
        Self(sizes: .varying, syncing: .few, preallocation: .allocated, compresses: true),
    ]

    static let all: [Self] = plain + compressing

    /// Those with larger sectors, other rules, and other trouble on top.
    static let further: [Self] = [
        Self(sizes: .fixed, syncing: .every, sectorSize: .bytes4096),
        Self(sizes: .varying, syncing: .few, preallocation: .growing, sectorSize: .bytes4096),
        Self(sizes: .varying, syncing: .every, preallocation: .prewritten, compresses: true, sectorSize: .bytes4096),
        Self(sizes: .fixed, syncing: .few, preallocation: .growing, directoryRules: .lax),
        Self(sizes: .varying, syncing: .every, compresses: true, directoryRules: .lax),
        Self(sizes: .fixed, syncing: .every, trouble: .kills),
        Self(sizes: .varying, syncing: .never, preallocation: .prewritten, trouble: .kills),
        Self(sizes: .varying, syncing: .few, compresses: true, trouble: .kills),
        Self(sizes: .varying, syncing: .few, sectorSize: .bytes4096, directoryRules: .lax, trouble: .kills),
        Self(sizes: .fixed, syncing: .every, trouble: .fullDisk),
        Self(sizes: .varying, syncing: .few, preallocation: .growing, trouble: .fullDisk),
        Self(sizes: .varying, syncing: .every, preallocation: .prewritten, compresses: true, trouble: .fullDisk),
    ]

    /// Those on a disk that may spoil what it is writing.
    static let padding: [Self] = [
        Self(sizes: .fixed, syncing: .every, spoilsSectors: true),
        Self(sizes: .varying, syncing: .few, preallocation: .growing, spoilsSectors: true),
        Self(
            sizes: .varying, syncing: .few, preallocation: .prewritten, compresses: true, sectorSize: .bytes4096,
            spoilsSectors: true),
        Self(sizes: .fixed, syncing: .few, preallocation: .growing, spoilsSectors: true, trouble: .kills),
    ]

    static let everything: [Self] = all + further + padding

    private static let plain: [Self] = [Sizes.fixed, .varying].flatMap { sizes in
        Syncing.allCases.flatMap { syncing in
            [Preallocation.growing, .allocated, .prewritten].map {
                Self(sizes: sizes, syncing: syncing, preallocation: $0)
            }
        }
    }

    /// A new disk for a run.
    func disk() -> SimulatedDisk {
        let disk = SimulatedDisk(sectorSize: sectorSize, directoryRules: directoryRules)
        disk.flaws.leavesGarbage = spoilsSectors
        return disk
    }

    /// Small segments, so that a short run rolls often and a trace stays small.
    var options: StoreOptions {
        var options = StoreOptions()
        options.segmentSize = Layout.segmentSizeMin
        options.indexSpacing = Layout.indexSpacingMin
        options.preallocation = preallocation
        if spoilsSectors { options.padding = .sector(sectorSize.rawValue) }
        options.readAccess = .read
        if compresses {
            options.compression = .zstd(segments: .allButNewest(1), blockSize: 4096)
            // Random payloads don't shrink.
            options.compressionRatioMax = 10
        }
        return options
    }
}

extension Workload: CustomStringConvertible {
    var description: String {
        var text = "\(sizes),\(syncing),\(preallocation)\(compresses ? ",compressed" : "")"
        if sectorSize != .bytes512 { text += ",\(sectorSize.rawValue)" }
        if directoryRules != .strict { text += ",\(directoryRules)" }
        if spoilsSectors { text += ",garbage" }
        if trouble != .none { text += ",\(trouble)" }
        return text
    }

    init?(_ text: some StringProtocol) {
        guard let match = Self.everything.first(where: { $0.description == text }) else { return nil }
        self = match
    }
}
