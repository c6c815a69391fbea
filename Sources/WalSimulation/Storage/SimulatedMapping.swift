import SegmentStore

/// A copy of the start of a file.
///
/// Later writes don't show, which a reader of bytes written before can't tell.
final class SimulatedMapping: StorageMapping {
    // Written before `init` ends and never again, freed in `deinit`: any thread may read it.
    nonisolated(unsafe) private let memory: UnsafeMutableRawBufferPointer

    init(_ content: FileContent, length: Int) {
        memory = .allocate(byteCount: length, alignment: FileContent.pageSize)
        _ = content.read(at: 0, into: memory)
    }

    deinit {
        memory.deallocate()
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(memory)
    }

    func willNeed(_ range: Range<Int>) {}
}
