/// A directory: its names as programs see them, the durable ones, and the changes in between.
struct DirectoryNode: Sendable {
    /// What a name leads to, by its number.
    enum Entry: Sendable, Hashable {
        case file(Int)
        case directory(Int)
    }

    /// Where a directory lies, as programs see it.
    struct Place: Sendable, Hashable {
        var parent: Int
        var name: String
    }

    struct Link: Sendable, Hashable {
        var name: String
        var entry: Entry
    }

    /// The arrival half of a move between directories, without which the departure must not survive.
    struct Arrival: Sendable, Hashable {
        var directory: Int
        var sequence: Int
    }

    /// One change of names that a crash keeps whole or not at all: create adds, unlink removes, rename does both.
    struct NameChange: Sendable {
        var sequence: Int
        var removed: Link?
        var added: Link?
        var needs: Arrival?

        func apply(to entries: inout [String: Entry]) {
            // An older change that was lost, or a newer one, may have left something else under the name.
            if let removed, entries[removed.name] == removed.entry { entries[removed.name] = nil }
            if let added { entries[added.name] = added.entry }
        }
    }

    /// Nil of the root, and of a directory that was removed.
    var place: Place?
    private(set) var entries: [String: Entry] = [:]
    private(set) var durable: [String: Entry] = [:]
    private(set) var pending: [NameChange] = []

    init(place: Place? = nil) {
        self.place = place
    }

    /// A directory all of whose names are durable.
    init(durable: [String: Entry], place: Place?) {
        self.place = place
        entries = durable
        self.durable = durable
    }

    mutating func change(_ change: NameChange) {
        change.apply(to: &entries)
        pending.append(change)
    }

    /// A change that is durable at once.
    mutating func changeThrough(_ change: NameChange) {
        change.apply(to: &entries)
    }

    /// Takes the names that programs see for durable.
    mutating func settle() {
        durable = entries
        pending = []
    }

    /// Adds a durable name, past all pending changes.
    mutating func plant(_ link: Link) {
        entries[link.name] = link.entry
        durable[link.name] = link.entry
    }

    /// Makes the changes up to a sequence number durable and returns them.
    mutating func makeDurable(through sequence: Int) -> ArraySlice<NameChange> {
        let settled = pending.prefix { $0.sequence <= sequence }
        pending.removeFirst(settled.count)
        for change in settled { change.apply(to: &durable) }
        return settled
    }
}
