import WalPlatform

/// One planned failure of a storage call.
package struct Fault: Sendable {
    /// How much of the failing call is done before it reports its error.
    package enum Effect: Sendable, Hashable {
        /// Nothing.
        case nothing
        /// The first bytes of a write, at most all of them; of any other call nothing.
        case partOfWrite(byteCount: Int)
        /// All of it: the call succeeds and says that it failed.
        case everything
        /// The first half of a read, which says that the file ends there and reports no error; of any other call nothing.
        case halfOfRead
    }

    /// The calls it may hit; nil for all.
    package var operations: Set<StorageError.Operation>?
    /// What the path must contain; nil for all paths.
    ///
    /// Of a rename either path counts.
    package var pathContains: String?
    /// Which of the matching calls fails, counted from 1 since the fault was added.
    package var occurrence: Int
    /// Whether the matching calls after that fail too.
    package var isLasting: Bool
    package var errno: CInt
    package var effect: Effect

    package init(
        operations: Set<StorageError.Operation>? = nil, pathContains: String? = nil, occurrence: Int = 1,
        isLasting: Bool = false, errno: CInt = ErrorNumber.io, effect: Effect = .nothing
    ) {
        self.operations = operations
        self.pathContains = pathContains
        self.occurrence = occurrence
        self.isLasting = isLasting
        self.errno = errno
        self.effect = effect
    }

    func matches(_ operation: StorageError.Operation, _ paths: [String]) -> Bool {
        if let operations, !operations.contains(operation) { return false }
        guard let pathContains else { return true }
        return paths.contains { $0.contains(pathContains) }
    }
}
