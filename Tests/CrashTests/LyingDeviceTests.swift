import SegmentStore
import Testing
import WalSimulation

/// Devices that lie: a sync that keeps nothing, a write that is lost, that lands elsewhere, or that lands elsewhere too.
///
/// No log can survive these; it must notice. After each, and a power cut at some time behind it, no wrong byte is read, and
/// no durable event goes missing without a word as long as anything with a valid checksum is left that says it was durable: a
/// watermark in a frame, a segment header or the superblock, or a footer.
///
/// Where nothing of the kind is left, the disk is one that an honest power cut, before the events became durable, leaves just
/// as well: the last sync before the cut lied, or the sectors it wrote were lost, and no frame or superblock came after it.
/// Nobody can tell the two apart. These are counted, and the test shows that each of them is the end of the log.
@Suite("Lying devices")
struct LyingDeviceTests {
    private static let workloads = [
        Workload(sizes: .fixed, syncing: .every, trouble: .lies),
        Workload(sizes: .varying, syncing: .few, preallocation: .growing, trouble: .lies),
        Workload(sizes: .fixed, syncing: .every, preallocation: .prewritten, sectorSize: .bytes4096, trouble: .lies),
        Workload(sizes: .varying, syncing: .every, compresses: true, trouble: .lies),
    ]

    @Test(arguments: workloads)
    func `A lie of the device is noticed, or leaves what an honest power cut leaves`(_ workload: Workload) throws {
        var counts = LieCounts()
        for seed in UInt64(1)...3 {
            let disk = workload.disk()
            disk.startRecording()
            var driver = LogDriver(disk, workload, seed: mixedSeed(seed, "lies"), flaws: [])
            try driver.run(steps: 24)
            driver.end()
            let explorer = DeviceFaultExplorer(try #require(disk.stopRecording()))
            for fault in try explorer.faults() {
                counts.states += try explorer.explore(fault) { state in
                    do {
                        try counts.judge(state, workload)
                    } catch {
                        throw Violation("seed \(seed), fault \(fault), power cut at \(state.events): \(error)")
                    }
                }
            }
        }
        print("\(workload): \(counts)")
        #expect(counts.refused > 0 && counts.stopped > 0 && counts.honest > 0)
        // As it is, one in six or seven: a log that refuses whatever looks odd would pass all the rest.
        #expect(counts.refused * 5 < counts.states && counts.whole * 2 > counts.states)
    }
}
