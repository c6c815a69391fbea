/// What makes a name in a directory durable.
public enum DirectoryRules: String, Sendable, Hashable, CaseIterable {
    /// A sync of the directory alone, as POSIX has it. The harsher choice, and the default.
    case strict
    /// Also a sync of the file the name leads to, as ext4, xfs and btrfs have it.
    case lax
}
