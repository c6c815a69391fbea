/// The unit a simulated device writes whole: after a crash a sector holds one of its versions, never a mixture.
public enum SectorSize: Int, Sendable, Hashable, CaseIterable {
    /// 512 bytes, the smallest unit any common device promises. The harsher choice, and the default.
    case bytes512 = 512
    /// 4096 bytes, as drives with native 4 KiB sectors write.
    case bytes4096 = 4096
}
