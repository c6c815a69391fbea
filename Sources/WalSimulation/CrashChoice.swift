/// What survives a simulated power cut of all that was not yet durable.
public enum CrashChoice: Sendable, Hashable {
    /// Nothing: only what was synced is there.
    case keepNone
    /// Everything, as if the power had failed just after the device had written it all.
    case keepAll
    /// Any subset of sectors, sizes and names, chosen by the seed; the same seed gives the same disk.
    case random
}
