import Foundation
import Wal

/// The consumer that keeps the service's state: it follows the log and saves a checkpoint with the state now and then, so
/// that a start replays only what came after.
enum Ledger {
    static let name = "ledger"

    /// The state as it is stored with the checkpoint.
    static func encode(_ state: ServiceState) throws -> [UInt8] {
        [UInt8](try JSONEncoder().encode(state))
    }

    static func decode(_ bytes: [UInt8]?) throws -> ServiceState {
        guard let bytes else { return ServiceState() }
        return try JSONDecoder().decode(ServiceState.self, from: Data(bytes))
    }

    /// Runs the consumer on a thread of its own until the log ends.
    static func start(on log: WriteAheadLog) {
        Thread.detachNewThread {
            do {
                try run(on: log) { _ in .continue }
            } catch WalError.Code.closed {
            } catch {
                FileHandle.standardError.write(Data("OrderService: the ledger stopped: \(error)\n".utf8))
                exit(1)
            }
        }
    }

    /// Follows the log from the checkpoint on until `until` says stop or the log ends; returns the state.
    @discardableResult
    static func run(on log: WriteAheadLog, until: (LSN) -> ReplayStep) throws -> ServiceState {
        var options = ConsumerOptions()
        options.checkpointEvery = 20_000
        options.checkpointInterval = .milliseconds(100)
        var state = ServiceState()
        try log.consume(
            name, options: options, restore: { state = try decode($0) }, save: { try encode(state) }
        ) { event in
            state.apply(event.payload)
            return until(event.lsn)
        }
        return state
    }
}
