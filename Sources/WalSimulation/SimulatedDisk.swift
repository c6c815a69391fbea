public import SegmentStore
import WalPlatform

/// A disk in memory that can lose its power.
///
/// It keeps apart what programs see and what is durable: sectors, sizes and names that were not synced may each survive
/// a crash or not, on their own, as on a real disk. Give ``storage`` to a log's options, work with the log, then take
/// ``crash(_:seed:)`` and open the log again on the disk that returns. This one goes on as if nothing had happened.
///
/// ```swift
/// let disk = SimulatedDisk()
/// // … open a log on disk.storage, append, sync …
/// let afterwards = disk.crash(.random, seed: 42)
/// // … open the log on afterwards.storage: all that was synced is there.
/// ```
///
/// Safe to use from any thread. Paths are absolute; the root directory exists from the start. Memory use is that of the
/// files' contents, their unsynced versions included.
public final class SimulatedDisk: Sendable {
    struct State: Sendable {
        var model: DiskModel
        var capacity: Int?
        /// Lock holders by file number.
        var locks: [Int: Int] = [:]
        var lastHolder = 0
        var recording: DiskTrace?

        /// The model, with what is durable kept up.
        var crashable: DiskModel { model.settlesAtOnce ? model.settled() : model }
    }

    private let state: Guarded<State>

    /// Makes an empty disk.
    ///
    /// - Parameters:
    ///   - sectorSize: What the device writes whole; 512 bytes unless told.
    ///   - directoryRules: What makes a name durable; only a sync of its directory unless told.
    public convenience init(sectorSize: SectorSize = .bytes512, directoryRules: DirectoryRules = .strict) {
        self.init(DiskModel(sectorSize: sectorSize.rawValue, directoryRules: directoryRules))
    }

    /// Makes a copy of a disk as programs see it now, with what is pending on it, without its locks and open files.
    ///
    /// The two are independent from then on.
    public convenience init(startingFrom image: SimulatedDisk) {
        let (model, capacity) = image.withState { ($0.crashable, $0.capacity) }
        self.init(model.withoutHandles(), capacity: capacity)
    }

    init(_ model: DiskModel, capacity: Int? = nil) {
        state = Guarded(State(model: model, capacity: capacity))
    }

    /// The disk as the place of a log's files, for the `storage` option.
    public var storage: LogStorage {
        LogStorage(backend)
    }

    /// The disk as an implementation of the seam.
    package var backend: any Storage {
        SimulatedStorage(self)
    }

    /// How many bytes the files together may take, `nil` for any amount.
    ///
    /// Room is counted in whole sectors, up to the farthest byte written or reserved in each file. Beyond it, creating
    /// and reserving fail with ENOSPC, and a write fails after the part that fits.
    public var capacity: Int? {
        get { withState { $0.capacity } }
        set { withState { $0.capacity = newValue } }
    }

    /// The room taken now, in bytes.
    public var usedBytes: Int {
        withState { $0.model.usedBytes }
    }

    /// How many files are open on the disk now, locks included, to show that none was leaked.
    package var openHandles: Int {
        withState { $0.model.files.values.reduce(0) { $0 + $1.handles } }
    }

    /// Whether everything is durable at once, which takes less time and memory where no power cut is to come.
    ///
    /// Set it before anything is pending: what is pending when it is set counts as durable.
    package var settlesAtOnce: Bool {
        get { withState { $0.model.settlesAtOnce } }
        set {
            withState { state in
                guard state.model.settlesAtOnce != newValue else { return }
                state.model = state.model.settled()
                state.model.settlesAtOnce = newValue
            }
        }
    }

    /// Ways to break the disk's promises, so that tests can show they would notice.
    package var flaws: DiskFlaws {
        get { withState { $0.model.flaws } }
        set { withState { $0.model.flaws = newValue } }
    }

    /// Returns one possible disk after a power cut now.
    ///
    /// On it everything is durable, and no lock is held.
    ///
    /// This disk, and what has it open, is not affected. Takes time in proportion to what is pending.
    ///
    /// - Parameters:
    ///   - choice: What of the unsynced survives.
    ///   - seed: Which random choice; the same seed on an equal disk gives the same result.
    public func crash(_ choice: CrashChoice, seed: UInt64 = 0) -> SimulatedDisk {
        let (model, capacity) = withState { ($0.crashable, $0.capacity) }
        let plan = ChoicePlan(model)
        var vector: [Int]
        switch choice {
        case .keepNone: vector = plan.noneVector
        case .keepAll: vector = plan.allVector
        case .random: vector = plan.randomVector(seed)
        }
        return SimulatedDisk(plan.settledImage(&vector), capacity: capacity)
    }

    /// The number of different disks a power cut now could leave, at most; `Int.max` if it is that or more.
    package var crashCombinations: Int {
        ChoicePlan(withState { $0.crashable }).combinations
    }

    /// All work on the disk, one at a time.
    func withState<R: Sendable, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        try state.withLock { (state) throws(E) in try body(&state) }
    }
}
