import WalPlatform

/// Unpacks the blocks of compressed segments for one reader, and once it reads in sequence also ahead of it, on a thread of its own.
///
/// Reader and thread both take the next block that nobody has taken, so that neither waits while there is work. A block stays
/// valid until the reader asks for another one. Used by one thread; letting go of it ends the thread and frees everything.
package final class ReadAhead {
    /// How many blocks beyond the reader's are unpacked.
    private static let ahead = 4
    /// Blocks of this many bytes, which very large events make, are unpacked when they are needed.
    private static let blockMax = 2 << 20
    /// How many blocks in a row make a sequence.
    private static let sequenceMin = 2

    private var shared = Blocks(slots: ahead + 2)
    private let unpacker = BlockUnpacker()
    private var spawn: (@Sendable (_ body: @escaping @Sendable () -> Void) -> Bool)?
    private var hasThread = false
    private var current = -1
    private var inSequence = 0
    private weak var file: CompressedSegmentFile?

    /// - Parameter spawn: starts a thread; nil to unpack nothing ahead.
    init(spawn: (@Sendable (_ body: @escaping @Sendable () -> Void) -> Bool)?) {
        self.spawn = spawn
    }

    deinit {
        shared.close()
    }

    /// The bytes of a block. `last` is the last block that the reader may come to.
    func block(_ number: Int, of file: CompressedSegmentFile, last: Int) throws(StorageError) -> UnsafeRawBufferPointer
    {
        let isNew = self.file !== file
        if isNew || number == current + 1 { inSequence += 1 } else if number != current { inSequence = 0 }
        self.file = file
        current = number
        var reach = number
        if inSequence > Self.sequenceMin {
            startThread()
            while reach < min(number + Self.ahead, last), file.table.blocks[reach + 1].raw.count <= Self.blockMax {
                reach += 1
            }
        }
        shared.move(to: number, reach: reach, file: file, isNew: isNew)
        while true {
            let seen = shared.moved.load()
            switch shared.look(at: number) {
            case .ready(let bytes): return bytes
            case .failed(let error): throw error
            case .taken(let job): job.run(unpacker, shared)
            case .inWork: shared.moved.wait(while: seen)
            }
        }
    }

    /// The reader has come to a raw segment: the thread ends, until there are blocks again. A follower would keep it for ever.
    func rest() {
        guard hasThread else { return }
        shared.close()
        shared = Blocks(slots: Self.ahead + 2)
        (hasThread, inSequence, current, file) = (false, 0, -1, nil)
    }

    private func startThread() {
        guard !hasThread, let spawn else { return }
        let shared = self.shared
        hasThread = spawn {
            let unpacker = BlockUnpacker()
            while true {
                let seen = shared.moved.load()
                switch shared.takeAhead() {
                case .ended: return
                case .job(let job): job.run(unpacker, shared)
                case .nothing: shared.moved.wait(while: seen)
                }
            }
        }
        // A thread that could not be had is not asked for again.
        if !hasThread { self.spawn = nil }
    }
}

/// The blocks that a reader and its thread share.
private final class Blocks: Sendable {
    enum Phase: Sendable {
        case free
        case inWork
        case ready
        case failed(StorageError)
    }

    struct Slot: Sendable {
        var number = -1
        var phase = Phase.free
        /// Touched by whoever has the slot in work; after that only read, by the reader.
        var bytes = BlockBuffer()
        /// The reader went elsewhere while it was in work.
        var isStale = false
    }

    struct State: Sendable {
        var file: CompressedSegmentFile?
        var current = -1
        var reach = -1
        var slots: [Slot]
        var hasEnded = false
    }

    /// A block to be unpacked by whoever took it.
    struct Job: Sendable {
        var slot: Int
        var number: Int
        var file: CompressedSegmentFile
        var bytes: BlockBuffer

        func run(_ unpacker: BlockUnpacker, _ blocks: Blocks) {
            do throws(StorageError) {
                try file.unpack(number, with: unpacker, into: bytes)
                blocks.finish(slot, .ready)
            } catch {
                blocks.finish(slot, .failed(error))
            }
        }
    }

    enum View {
        case ready(UnsafeRawBufferPointer)
        case failed(StorageError)
        case taken(Job)
        case inWork
    }

    enum Ahead {
        case job(Job)
        case nothing
        case ended
    }

    /// Moves whenever there may be something to do, or to read.
    let moved = WaitWord()
    private let state: Guarded<State>
    private let process = ForkMark()

    init(slots: Int) {
        state = Guarded(State(slots: (0..<slots).map { _ in Slot() }))
    }

    func close() {
        // A forked child has no such thread, and nobody frees a lock that it held.
        if process.isForked { return }
        state.withLock {
            $0.hasEnded = true
            $0.file = nil
        }
        moved.bumpAndWakeAll()
    }

    /// The reader goes to a block: what lies before it, or too far behind, is given up.
    func move(to number: Int, reach: Int, file: CompressedSegmentFile, isNew: Bool) {
        state.withLock { state in
            state.file = file
            state.current = number
            state.reach = reach
            for index in state.slots.indices {
                let slot = state.slots[index]
                guard isNew || slot.number < number || slot.number > reach else { continue }
                if case .inWork = slot.phase {
                    state.slots[index].isStale = true
                } else {
                    state.slots[index].phase = .free
                    state.slots[index].number = -1
                }
            }
        }
        moved.bumpAndWakeAll()
    }

    /// The block the reader is at; or, while another has that in work, one further on to be unpacked meanwhile.
    func look(at number: Int) -> View {
        state.withLock { state in
            if let slot = state.slots.first(where: { $0.number == number && !$0.isStale }) {
                switch slot.phase {
                case .ready: return .ready(slot.bytes.contents)
                case .failed(let error): return .failed(error)
                case .free, .inWork: break
                }
            }
            if let job = Self.take(&state, from: number) { return .taken(job) }
            return .inWork
        }
    }

    func takeAhead() -> Ahead {
        state.withLock { state in
            if state.hasEnded { return .ended }
            // The reader takes its own block itself, if it finds it untaken.
            return Self.take(&state, from: state.current + 1).map { .job($0) } ?? .nothing
        }
    }

    private static func take(_ state: inout State, from first: Int) -> Job? {
        guard let file = state.file, first <= state.reach else { return nil }
        for number in first...state.reach {
            if state.slots.contains(where: { $0.number == number && !$0.isStale }) { continue }
            let free = state.slots.firstIndex { slot in
                if case .free = slot.phase { return true }
                return false
            }
            guard let free else { return nil }
            state.slots[free].number = number
            state.slots[free].phase = .inWork
            return Job(slot: free, number: number, file: file, bytes: state.slots[free].bytes)
        }
        return nil
    }

    func finish(_ slot: Int, _ phase: Phase) {
        state.withLock { state in
            if state.slots[slot].isStale {
                state.slots[slot].isStale = false
                state.slots[slot].number = -1
                state.slots[slot].phase = .free
            } else {
                state.slots[slot].phase = phase
            }
        }
        moved.bumpAndWakeAll()
    }
}
