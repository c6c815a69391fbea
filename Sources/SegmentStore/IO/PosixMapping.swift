import WalPlatform

/// Pages of a file, mapped for reading until the object goes.
final class PosixMapping: StorageMapping, @unchecked Sendable {
    // Sendable: all members are constant and the memory is read-only through this object.
    static let empty = PosixMapping()

    let bytes: UnsafeRawBufferPointer
    private let start: UnsafeMutableRawPointer?
    private let calls: PosixCalls

    /// The system maps whole pages; advice must begin on one.
    ///
    /// The largest page size in use fits every smaller one.
    private static let pageMaximum = 64 << 10

    private init() {
        bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        start = nil
        calls = .live
    }

    /// Takes over `length` (more than 0) mapped bytes.
    init(start: UnsafeMutableRawPointer, length: Int, calls: PosixCalls) {
        bytes = UnsafeRawBufferPointer(start: start, count: length)
        self.start = start
        self.calls = calls
    }

    deinit {
        if let start {
            // Fails only for an address that was never mapped, and there is nobody to tell.
            _ = calls.unmap(start, bytes.count)
        }
    }

    func willNeed(_ range: Range<Int>) {
        let wanted = range.clamped(to: 0..<bytes.count)
        guard let start, !wanted.isEmpty else { return }
        let lower = wanted.lowerBound / Self.pageMaximum * Self.pageMaximum
        // A hint: if it fails, the pages are read when they are touched.
        _ = calls.populate(start + lower, wanted.upperBound - lower)
    }
}
