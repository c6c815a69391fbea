import Foundation
import Wal

/// The service's state up to an event, in a file of its own: with it, a start replays only what came after.
struct SavedPosition: Codable {
    /// The last event that the state has taken in.
    var lsn: UInt64
    var state: ServiceState

    /// Writes it so that a crash leaves either the old file or the new one.
    func save(to file: URL) throws {
        try JSONEncoder().encode(self).write(to: file, options: .atomic)
    }

    static func load(from file: URL) throws -> SavedPosition {
        try JSONDecoder().decode(SavedPosition.self, from: Data(contentsOf: file))
    }
}
