import Testing
import WalPlatform

@Suite struct ForkMarkTests {
    @Test func nothingIsForkedInTheProcessThatMadeTheMark() {
        #expect(ForkMark.watch() == 0)
        // Any number of times.
        #expect(ForkMark.watch() == 0)
        let mark = ForkMark()
        #expect(!mark.isForked)
        #expect(mark.word.address.pointee == mark.word.seen)
        #expect(mark == ForkMark())
    }

    @Test func aLockThatIsHeldIsNotWaitedFor() {
        let guarded = Guarded(1)
        let outcome = guarded.withLock { _ in guarded.withLockIfFree { $0 } }
        #expect(outcome == nil)
        #expect(guarded.withLockIfFree { $0 } == 1)
    }
}
