internal import SegmentStore
internal import Synchronization
internal import WalPlatform

/// Takes events to the observer on a thread of its own, so that no user code runs on the log's threads.
final class ObserverHub: Sendable {
    private struct Contents {
        var events: [WalEvent] = []
        var dropped = 0
        var isFinished = false
    }

    private let observer: any WalObserver
    private let label: String
    private let limit: Int
    /// Innermost: nothing is called while it is held.
    private let contents = Guarded(Contents())
    private let news = WaitWord()
    private let process = ForkMark()
    private let lostEvents = Atomic<UInt64>(0)

    var lost: UInt64 { lostEvents.load(ordering: .relaxed) }

    /// Starts the delivery thread, which ends after `finish()`.
    static func start(
        _ observer: any WalObserver, label: String, limit: Int
    ) throws(SystemThread.StartError) -> ObserverHub {
        let hub = ObserverHub(observer: observer, label: label, limit: limit)
        _ = try SystemThread(name: "wal-observer") { hub.deliver() }
        return hub
    }

    private init(observer: any WalObserver, label: String, limit: Int) {
        self.observer = observer
        self.label = label
        self.limit = limit
    }

    func post(_ event: WalEvent) {
        let isNew = contents.withLock { contents in
            guard !contents.isFinished, contents.events.count < limit else { return false }
            contents.events.append(event)
            return true
        }
        if isNew { news.bumpAndWakeOne() } else { lostEvents.add(1, ordering: .relaxed) }
    }

    /// Drops come in floods: they are counted up and told as one event.
    func postDrop(_ count: Int) {
        let isFirst = contents.withLock { contents in
            contents.dropped += count
            return contents.dropped == count
        }
        if isFirst { news.bumpAndWakeOne() }
    }

    /// Ends the delivery thread once it has delivered what is queued.
    ///
    /// Does not wait for it: the caller may be in it.
    func finish() {
        contents.withLock { $0.isFinished = true }
        news.bumpAndWakeOne()
    }

    private func deliver() {
        while true {
            let seen = news.load()
            let (events, dropped, isFinished) = contents.withLock { contents in
                defer {
                    contents.events.removeAll()
                    contents.dropped = 0
                }
                return (contents.events, contents.dropped, contents.isFinished)
            }
            for event in events { observer.log(label, did: event) }
            if dropped > 0 { observer.log(label, did: .dropped(count: dropped)) }
            // The observer has forked, and this is the child's one thread: nothing will ever be posted here.
            if process.isForked { return }
            if events.isEmpty && dropped == 0 {
                if isFinished { return }
                news.wait(while: seen)
            }
        }
    }
}
