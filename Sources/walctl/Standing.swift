import Wal
import WalPlatform

/// Where a checkpoint stands in the log.
enum Standing {
    /// How many events its consumer has still to process.
    case behind(UInt64)
    /// The same, but that some of them were dropped.
    case fellBehind(UInt64)
    /// At an event above the newest.
    case aboveEnd
    /// At an event that was cut off, or of another copy of the log.
    case stale

    /// - Parameter log: a log opened for reading; looked at again if another process may have gone on writing.
    init(of position: Position, in log: WriteAheadLog) throws(WalError) {
        // What keeps it from being looked at again has been met by opening, or will be by whoever reads it.
        if position.lsn > log.lastLSN { _ = try? log.refresh() }
        let last = log.lastLSN
        let behind = last > position.lsn ? last.rawValue - position.lsn.rawValue : 0
        do throws(WalError) {
            try log.check(position)
            self = position.lsn > last ? .aboveEnd : .behind(behind)
        } catch WalError.Code.stalePosition {
            self = position.lsn > last ? .aboveEnd : .stale
        } catch WalError.Code.notYetWritten {
            self = .aboveEnd
        } catch WalError.Code.truncated {
            self = .fellBehind(behind)
        } catch {
            // Damage there is for reading and verification to tell.
            self = .behind(behind)
        }
    }

    /// Nil where it makes no sense to count.
    private var count: UInt64? {
        switch self {
        case .behind(let count), .fellBehind(let count): count
        case .aboveEnd, .stale: nil
        }
    }

    private var name: String {
        switch self {
        case .behind: "ok"
        case .fellBehind: "fellBehind"
        case .aboveEnd: "aboveEnd"
        case .stale: "stale"
        }
    }

    fileprivate var json: [(String, JSON)] {
        [("behind", count.map { .unsigned($0) } ?? .null), ("standing", .string(name))]
    }

    /// For a column of a table.
    fileprivate var word: String {
        switch self {
        case .behind(let count): String(count)
        case .fellBehind: "fell behind"
        case .aboveEnd: "above the end"
        case .stale: "stale"
        }
    }

    fileprivate var text: String {
        switch self {
        case .behind(let count): "\(count) behind"
        case .fellBehind(let count): "\(count) behind, of which some were dropped"
        case .aboveEnd: "above the end of the log"
        case .stale: "stale: that event was cut off, or is of another copy of the log"
        }
    }
}

/// Where each of some checkpoints stands; nil if its file is damaged.
func standings(of checkpoints: [CheckpointInfo], in log: WriteAheadLog) throws(WalError) -> [Standing?] {
    var standings: [Standing?] = []
    for info in checkpoints {
        if let position = info.position {
            standings.append(try Standing(of: position, in: log))
        } else {
            standings.append(nil)
        }
    }
    return standings
}

/// Lines for people: a head, and one for each checkpoint.
func checkpointTable(_ checkpoints: [CheckpointInfo], _ standings: [Standing?]) -> [String] {
    let width = max(10, checkpoints.reduce(0) { max($0, $1.name.count) })
    func row(_ name: String, _ lsn: String, _ behind: String, _ state: String, _ time: String) -> String {
        name + String(repeating: " ", count: max(0, width - name.count)) + padded(lsn, 13) + padded(behind, 15)
            + padded(state, 11) + "  " + time
    }
    return [row("checkpoint", "LSN", "behind", "state", "saved")]
        + zip(checkpoints, standings).map { info, standing in
            guard let position = info.position, let standing else {
                return "\(info.name)  damaged: \(info.damage?.message ?? "")"
            }
            return row(
                info.name, "\(position.lsn)", standing.word, info.stateBytes.map { naturalSize(UInt64($0)) } ?? "-",
                info.time.map(timestamp) ?? "-")
        }
}

extension CheckpointInfo {
    func json(_ standing: Standing?) -> JSON {
        .object(
            [
                ("name", .string(name)), ("lsn", position.map { .unsigned($0.lsn.rawValue) } ?? .null),
                ("position", position.map { .string("\($0)") } ?? .null),
            ] + (standing?.json ?? [("behind", .null), ("standing", .null)]) + [
                ("time", time.map { .string(timestamp($0)) } ?? .null),
                ("stateBytes", stateBytes.map { .integer($0) } ?? .null), ("damage", damage?.json ?? .null),
            ])
    }
}

extension Checkpoint {
    func json(_ standing: Standing) -> JSON {
        .object(
            [
                ("name", .string(name)), ("lsn", .unsigned(position.lsn.rawValue)),
                ("position", .string("\(position)")),
            ] + standing.json + [
                ("time", .string(timestamp(time))), ("stateBytes", state.map { .integer($0.count) } ?? .null),
                ("state", state.flatMap { String(validating: $0, as: UTF8.self) }.map { .string($0) } ?? .null),
            ])
    }

    func text(_ standing: Standing) -> String {
        "checkpoint \(name): LSN \(position.lsn), \(standing.text), saved \(timestamp(time))"
            + (state.map { ", \(naturalSize(UInt64($0.count))) of state" } ?? "") + "\nposition \(position)"
    }
}
