import SegmentStore

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

    /// Those that compress segments, too.
    static let compressing: [Self] = [
        Self(sizes: .fixed, syncing: .every, preallocation: .growing, compresses: true),
        Self(sizes: .varying, syncing: .few, preallocation: .allocated, compresses: true),
    ]

    static let all: [Self] = plain + compressing

    private static let plain: [Self] = Sizes.allCases.flatMap { sizes in
        Syncing.allCases.flatMap { syncing in
            [Preallocation.growing, .allocated, .prewritten].map {
                Self(sizes: sizes, syncing: syncing, preallocation: $0)
            }
        }
    }

    /// Small segments, so that a short run rolls often and a trace stays small.
    var options: StoreOptions {
        var options = StoreOptions()
        options.segmentSize = Layout.segmentSizeMin
        options.indexSpacing = Layout.indexSpacingMin
        options.preallocation = preallocation
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
    var description: String { "\(sizes),\(syncing),\(preallocation)\(compresses ? ",compressed" : "")" }

    init?(_ text: some StringProtocol) {
        guard let match = Self.all.first(where: { $0.description == text }) else { return nil }
        self = match
    }
}
