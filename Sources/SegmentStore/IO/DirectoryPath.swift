package import WalPlatform

/// The path of a log's directory as it was given: bytes for the system, which may be no UTF-8, and text for messages.
///
/// The text also stands before the names of the log's files where the store says which one it means; a storage that is pinned to
/// the directory takes it off again, so that it never leads anywhere.
package struct DirectoryPath: Sendable, Hashable, CustomStringConvertible {
    /// What the system gets.
    package let bytes: [UInt8]
    /// The same for messages: what is no UTF-8 is replaced.
    package let description: String

    package init(_ path: String) {
        bytes = Array(path.utf8)
        description = path
    }

    package init(_ path: FilePath) {
        bytes = path.withPlatformString { text in
            UnsafeBufferPointer(start: text, count: path.length).map { UInt8(bitPattern: $0) }
        }
        description = path.string
    }
}
