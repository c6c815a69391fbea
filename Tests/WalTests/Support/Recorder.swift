import Wal
import WalPlatform

/// An observer that keeps what it hears.
final class Recorder: WalObserver {
    private let heard = Guarded<[WalEvent]>([])

    func log(_ log: String, did event: WalEvent) {
        heard.withLock { $0.append(event) }
    }

    var events: [WalEvent] { heard.withLock { $0 } }

    var states: [WriteAheadLog.State] {
        events.compactMap { if case .lifecycle(let state) = $0 { state } else { nil } }
    }

    var droppedCount: Int {
        events.reduce(0) { sum, event in
            if case .dropped(let count) = event { sum + count } else { sum }
        }
    }
}
