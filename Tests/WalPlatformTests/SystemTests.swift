import Foundation
import Synchronization
import Testing
import WalPlatform

@Suite("System services")
struct SystemTests {
    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)

        var isSet: Bool { value.load(ordering: .acquiring) }

        func set() { value.store(true, ordering: .releasing) }
    }

    @Test("joining a thread waits for its end, and again does nothing")
    func join() throws {
        let flag = Flag()
        let thread = try SystemThread(name: "a name longer than the system keeps") {
            SystemClock.sleep(nanoseconds: 3_000_000)
            flag.set()
        }
        thread.join()
        #expect(flag.isSet)
        thread.join()
    }

    @Test("a thread whose object is dropped runs on")
    func dropped() throws {
        let flag = Flag()
        let done = WaitWord()
        let seen = done.load()
        _ = try SystemThread(name: "dropped") {
            flag.set()
            done.bumpAndWakeAll()
        }
        while !flag.isSet {
            done.wait(while: seen, timeoutNanoseconds: 100_000_000)
        }
        #expect(flag.isSet)
    }

    @Test("a thread takes none of the program's signals but its own faults, and its starter's mask stays")
    func signals() throws {
        let blocksTermination = Flag()
        let blocksFaults = Flag()
        let before = (1..<32).filter { isBlocked($0) }
        try SystemThread(name: "signals") {
            if isBlocked(SIGTERM) { blocksTermination.set() }
            if isBlocked(SIGSEGV) { blocksFaults.set() }
        }.join()
        #expect(blocksTermination.isSet)
        #expect(!blocksFaults.isSet)
        #expect((1..<32).filter { isBlocked($0) } == before)
    }

    @Test("the monotonic clock never goes back and covers a sleep; the wall clock is in this century")
    func clocks() {
        let before = SystemClock.monotonicNanoseconds()
        SystemClock.sleep(nanoseconds: 1_000_000)
        #expect(SystemClock.monotonicNanoseconds() - before >= 1_000_000)
        #expect(SystemClock.wallNanoseconds() > 1_700_000_000_000_000_000)
    }

    @Test("random bits differ")
    func random() {
        #expect(Set((0..<100).map { _ in SystemRandom.bits64() }).count == 100)
    }

    @Test("error numbers have texts, unknown ones too")
    func descriptions() {
        #expect(ErrorNumber.describe(ErrorNumber.noSpace).contains("space"))
        #expect(!ErrorNumber.describe(99_999).isEmpty)
        #expect(ErrorNumber.describe(ErrorNumber.io) != ErrorNumber.describe(ErrorNumber.noSpace))
    }
}

/// Whether the calling thread holds a signal back.
private func isBlocked(_ signal: CInt) -> Bool {
    var mask = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &mask)
    return sigismember(&mask, signal) == 1
}
