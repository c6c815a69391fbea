import Wal

extension RetentionReport {
    func json(dryRun: Bool) -> JSON {
        .object([
            ("dryRun", .bool(dryRun)), ("firstLSN", .unsigned(firstLSN.rawValue)),
            ("segmentCount", .integer(segmentCount)),
            ("bytes", bytes.map { .unsigned($0) } ?? .null), ("removedBytes", .unsigned(removedBytes)),
            ("removed", .array(removed.map(\.json))), ("held", .array(held.map(\.json))),
            (
                "passed",
                .array(
                    passed.map {
                        .object([
                            ("checkpoint", .string($0.name)), ("firstLSN", .unsigned($0.lost.lowerBound.rawValue)),
                            ("lastLSN", .unsigned($0.lost.upperBound.rawValue)),
                        ])
                    })
            ),
            ("clock", clockTrouble.map { .string($0.text) } ?? .null),
            ("ageDoubts", .array(ageDoubts.map(\.json))),
        ])
    }

    func text(dryRun: Bool) -> String {
        var lines: [String] = []
        if removed.isEmpty {
            lines.append(
                "nothing \(dryRun ? "would go" : "went"): \(counted(segmentCount, "segment")) from LSN \(firstLSN) on")
        } else {
            lines.append(
                "\(counted(removed.count, "segment")) \(dryRun ? "would go" : "went"), \(naturalSize(removedBytes)); "
                    + "\(counted(segmentCount, "segment")) \(dryRun ? "would stay" : "left") from LSN \(firstLSN) on")
        }
        lines += removed.map { "\(dryRun ? "would go" : "removed ")  \($0.text)" }
        lines += held.map { "held      \($0.text) by \($0.heldBy.joined(separator: ", "))" }
        lines += passed.map { "passed    checkpoint \($0.name) loses LSN \($0.lost.lowerBound)…\($0.lost.upperBound)" }
        lines += ageDoubts.map { "age       \($0.text)" }
        if let clockTrouble { lines.append("clock     \(clockTrouble.text)") }
        return lines.joined(separator: "\n")
    }
}

extension RetentionReport.Item {
    var json: JSON {
        .object([
            ("firstLSN", .unsigned(firstLSN.rawValue)), ("lastLSN", .unsigned(lastLSN.rawValue)),
            ("path", .string(path)),
            ("bytes", .unsigned(bytes)), ("newestFrameTime", newestFrameTime.map { .string(timestamp($0)) } ?? .null),
            ("limits", .array(limits.map { .string($0.rawValue) })), ("heldBy", .array(heldBy.map { .string($0) })),
        ])
    }

    var text: String {
        "LSN \(firstLSN)…\(lastLSN), \(naturalSize(bytes)), above the limit of \(limits.map(\.rawValue).joined(separator: ", "))"
    }
}

extension RetentionReport.AgeDoubt {
    var json: JSON {
        .object([
            ("firstLSN", .unsigned(lsns.lowerBound.rawValue)), ("lastLSN", .unsigned(lsns.upperBound.rawValue)),
            ("newestFrameTime", newestFrameTime.map { .string(timestamp($0)) } ?? .null),
            ("countsAs", countsAs.map { .string(timestamp($0)) } ?? .null), ("reason", .string(reason.rawValue)),
        ])
    }

    var text: String {
        let own = newestFrameTime.map { timestamp($0) } ?? "unknown"
        let counts = countsAs.map { "counts as of \(timestamp($0))" } ?? "is kept"
        let why =
            switch reason {
            case .unknown: "its footer is damaged"
            case .future: "its own time, \(own), is in the future"
            case .unset: "its own time, \(own), is that of a clock that was not set"
            case .behind: "its own time, \(own), is earlier than what was written before it"
            case .ahead: "its own time, \(own), is later than what was written after it"
            case .clockSetForward: "the clock was set forward after it was written"
            }
        return "LSN \(lsns.lowerBound)…\(lsns.upperBound) \(counts): \(why)"
    }
}

extension RetentionReport.ClockTrouble {
    var text: String {
        switch self {
        case .jumped(let by): "the wall clock jumped by \(naturalDuration(by)) since the last pass"
        case .behind(let by): "the wall clock is \(naturalDuration(by)) behind the newest event"
        }
    }
}
