/// Ways in which a simulated disk breaks the rules, to show that a test notices.
package struct DiskFlaws: Sendable, Hashable {
    /// Syncing a directory makes no name durable.
    package var ignoresDirectorySync = false
    /// Syncing a file makes nothing durable: the device lies.
    package var ignoresFileSync = false
    /// A sector in flight may also hold garbage after a crash (no power-safe overwrite).
    package var leavesGarbage = false

    package init() {}
}
