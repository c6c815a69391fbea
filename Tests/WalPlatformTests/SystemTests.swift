import Synchronization
import Testing
import WalPlatform

@Suite("System services")
struct SystemTests {
    private final class Flag: Sendable {
        let value = Atomic<Bool>(false)
    }

    @Test("joining a thread waits for its end, and again does nothing")
    func join() throws {
        let flag = Flag()
        let thread = try SystemThread(name: "a name longer than the system keeps") {
            SystemClock.sleep(nanoseconds: 3_000_000)
            flag.value.store(true, ordering: .releasing)
        }
        thread.join()
        #expect(flag.value.load(ordering: .acquiring))
        thread.join()
    }

    @Test("a thread whose object is dropped runs on")
    func dropped() throws {
        let flag = Flag()
        let done = WaitWord()
        let seen = done.load()
        _ = try SystemThread(name: "dropped") {
            flag.value.store(true, ordering: .releasing)
            done.bumpAndWakeAll()
        }
        while !flag.value.load(ordering: .acquiring) {
            done.wait(while: seen, timeoutNanoseconds: 100_000_000)
        }
        #expect(flag.value.load(ordering: .acquiring))
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
