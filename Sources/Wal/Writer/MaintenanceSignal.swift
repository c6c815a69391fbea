internal import Synchronization
internal import WalPlatform

/// How the rest of the log tells the maintenance thread that there may be something to do; cheap while there isn't.
final class MaintenanceSignal: Sendable {
    enum Sleep: UInt8 {
        case awake
        /// Until something happens at all.
        case deep
    }

    private let word = WaitWord()
    private let sleep = Atomic<UInt8>(Sleep.awake.rawValue)
    private let isStopped = Atomic<Bool>(false)
    private let bytesSinceKick = Atomic<Int>(0)
    /// The next spare is prepared at the pace at which the active segment is used up.
    private let bytesPerKick: Int

    init(segmentSize: Int) {
        bytesPerKick = min(1 << 20, segmentSize / 8)
    }

    var stops: Bool { isStopped.load(ordering: .acquiring) }
    var seen: UInt32 { word.load() }

    /// There is a step to do.
    func kick() {
        word.bumpAndWakeOne()
    }

    func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
        kick()
    }

    func noteWritten(_ bytes: Int) {
        let sum = bytesSinceKick.add(bytes, ordering: .relaxed).newValue
        guard sum >= bytesPerKick else { return }
        bytesSinceKick.store(0, ordering: .relaxed)
        kick()
    }

    /// The durable position has moved: once the log is idle it is to be recorded.
    func noteDurable() {
        if sleep.load(ordering: .sequentiallyConsistent) == Sleep.deep.rawValue { kick() }
    }

    /// Sleeps until a kick.
    func wait(while seen: UInt32, timeoutNanoseconds: Int64) {
        word.wait(while: seen, timeoutNanoseconds: timeoutNanoseconds)
    }

    /// Sleeps until a kick or `noteDurable`, or until the time is over, unless `isIdle` is false once that would be noticed.
    func waitDeeply(while seen: UInt32, timeoutNanoseconds: Int64? = nil, isIdle: () -> Bool) {
        sleep.store(Sleep.deep.rawValue, ordering: .sequentiallyConsistent)
        if isIdle() { word.wait(while: seen, timeoutNanoseconds: timeoutNanoseconds) }
        sleep.store(Sleep.awake.rawValue, ordering: .sequentiallyConsistent)
    }
}
