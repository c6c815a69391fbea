internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// Where a producer stands that waits for room in the queue.
///
/// Room that comes free goes to whoever asks first, which costs least. Who is passed over by it too often (a large unit needs more
/// room at once than small ones ever leave) gets a claim: nobody else is let through before it was.
struct PlaceInLine: Sendable {
    struct Claim: Sendable {
        let number: UInt64
        let bytes: UInt64
        let events: UInt64
    }

    /// How often a unit that is not large may be passed over.
    fileprivate static let refusalsMax = 8

    fileprivate let bytes: UInt64
    fileprivate let events: UInt64
    fileprivate var refusals = 0
    /// Of its claim on the next room; 0: it has none.
    private(set) var claim: UInt64 = 0

    init(bytes: Int, events: Int) {
        self.bytes = UInt64(bytes)
        self.events = UInt64(events)
    }

    var hasWaited: Bool { refusals > 0 }

    /// It was refused, and that was counted.
    mutating func noteRefusal() { refusals += 1 }

    fileprivate mutating func setClaim(_ number: UInt64) { claim = number }
}

extension AppendQueue {
    /// Whether the unit may be taken, as far as the bounds go. What is larger than the bound is taken alone. The lock is held.
    func hasRoom(bytes: UInt64, events: UInt64) -> Bool {
        let appended = state.pointee.appendedBytes.load(ordering: .relaxed)
        let last = state.pointee.nextLSN.load(ordering: .relaxed) &+ (events &- 1)
        if appended &+ bytes <= state.pointee.roomEnd && last <= state.pointee.admitLSN { return true }
        return appended == state.pointee.writtenBytes.load(ordering: .relaxed)
    }

    /// Sleeps until there may be room or the gate has moved.
    ///
    /// The caller tries again.
    func waitForSpace(_ place: inout PlaceInLine) {
        lock.lock()
        claimIfPassedOver(&place)
        let hasClaim = place.claim != 0
        let word = hasClaim ? claimedSpace : space
        let seen = word.load()
        // Between the refusal and now there may have come room; then the writer has nothing that would wake us.
        let goesOn = mayPass(place)
        if !goesOn, !hasClaim { state.pointee.blockedProducers += 1 }
        state.pointee.wantsWrite = true
        state.pointee.writerMode = .busy
        lock.unlock()
        writerWake.bumpAndWakeOne()
        guard !goesOn else { return }
        word.wait(while: seen)
        if !hasClaim { lock.withLock { state.pointee.blockedProducers -= 1 } }
    }

    /// Takes a place for a task that is going to wait.
    func prepareToWait(_ place: inout PlaceInLine) {
        lock.withLock { claimIfPassedOver(&place) }
    }

    /// Whether waiting would be in vain, for a task that has registered as a waiter before.
    func mayTryAgain(_ place: PlaceInLine) -> Bool {
        lock.withLock { mayPass(place) }
    }

    /// Gives up a claim without having used it. The next producer must be woken after.
    func leave(_ place: PlaceInLine) {
        guard place.claim != 0 else { return }
        lock.withLock { endClaim(place.claim) }
    }

    /// The lock is held.
    func endClaim(_ number: UInt64) {
        guard state.pointee.claim?.number == number else { return }
        state.pointee.claim = nil
        state.pointee.admitBytes = state.pointee.roomEnd
    }

    /// The lock is held.
    private func claimIfPassedOver(_ place: inout PlaceInLine) {
        let isLarge = place.bytes > byteLimit / 2 || place.events > eventLimit / 2
        guard place.claim == 0, state.pointee.claim == nil, isLarge || place.refusals > PlaceInLine.refusalsMax else {
            return
        }
        state.pointee.claimCount += 1
        place.setClaim(state.pointee.claimCount)
        state.pointee.claim = PlaceInLine.Claim(
            number: place.claim, bytes: place.bytes, events: place.events)
        state.pointee.admitBytes = 0
    }

    /// Whether waiting for the writer would be in vain.
    ///
    /// As long as something is queued, writing it wakes a producer, and so does the end of a claim; the end of a cut wakes all.
    /// The lock is held.
    private func mayPass(_ place: PlaceInLine) -> Bool {
        if state.pointee.gate == .paused { return false }
        if state.pointee.gate != .open { return true }
        if let claim = state.pointee.claim {
            return claim.number == place.claim && hasRoom(bytes: claim.bytes, events: claim.events)
        }
        return state.pointee.appendedBytes.load(ordering: .relaxed)
            == state.pointee.writtenBytes.load(ordering: .relaxed)
    }

    /// Wakes the producer that has a claim on the next room; false if there is none.
    func wakeClaimant() -> Bool {
        guard lock.withLock({ state.pointee.claim != nil }) else { return false }
        claimedSpace.bumpAndWakeAll()
        return true
    }

    /// Wakes one producer that waits for room, if any does.
    func wakeProducer() {
        if lock.withLock({ state.pointee.blockedProducers > 0 }) { space.bumpAndWakeOne() }
    }
}
