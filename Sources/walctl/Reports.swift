import Wal

// How reports of the library look in JSON, the same in every command.

extension WalError {
    var json: JSON {
        var members: [(String, JSON)] = [("code", .string(code.name)), ("message", .string(message))]
        if let path { members.append(("path", .string(path))) }
        if let offset { members.append(("offset", .unsigned(offset))) }
        if let lsns {
            members.append(("firstLSN", .unsigned(lsns.lowerBound.rawValue)))
            members.append(("lastLSN", .unsigned(lsns.upperBound.rawValue)))
        }
        if let errno { members.append(("errno", .integer(Int(errno.rawValue)))) }
        return .object(members)
    }
}

/// Says which files are in nobody's way and could not be removed.
func tellLeftovers(_ recovery: RecoveryReport) {
    for name in recovery.notRemoved {
        complain(
            "\(name) holds nothing of the log any more and can't be removed; that is tried again, also at the next open"
        )
    }
}

extension RecoveryReport {
    var json: JSON {
        .object([
            ("outcome", .string(outcome.rawValue)), ("epoch", .unsigned(UInt64(epoch))),
            ("firstLSN", .unsigned(firstLSN.rawValue)), ("lastLSN", .unsigned(lastLSN.rawValue)),
            ("durableLSN", .unsigned(durableLSN.rawValue)), ("segmentCount", .integer(segmentCount)),
            ("segmentsScanned", .integer(segmentsScanned)), ("bytesScanned", .unsigned(bytesScanned)),
            ("bytesCut", .unsigned(bytesCut)), ("quarantined", .array(quarantined.map { .string($0) })),
            ("notKept", .array(notKept.map { .string($0) })),
            ("removed", .array(removed.map { .string($0) })),
            ("notRemoved", .array(notRemoved.map { .string($0) })), ("damage", damage?.json ?? .null),
            (
                "lost",
                .array(
                    lost.map {
                        .object([
                            ("firstLSN", .unsigned($0.lowerBound.rawValue)),
                            ("lastLSN", .unsigned($0.upperBound.rawValue)),
                        ])
                    })
            ),
            ("contradictions", .array(contradictions.map(\.json))),
        ])
    }

    /// What was found, in a few words.
    var summary: String {
        switch outcome {
        case .created: "the log was made"
        case .clean: "closed in order"
        case .unclean: "stopped without closing; every frame found is whole"
        case .tornTail: "stopped in the middle of a write; the torn part was never acknowledged as durable"
        case .pointInTime: "durable data is damaged or missing"
        case .inProgress: "another process is writing"
        }
    }
}

/// A range of events, as people read it.
func lsnRange(_ lsns: ClosedRange<LSN>) -> String {
    lsns.lowerBound == lsns.upperBound ? "LSN \(lsns.lowerBound)" : "LSN \(lsns.lowerBound)…\(lsns.upperBound)"
}

extension VerifyReport.Finding {
    /// What it means, in a few words.
    var title: String {
        switch kind {
        case .corruption: "corruption"
        case .tornTail: "torn tail (never acknowledged as durable)"
        case .inProgress: "being written"
        case .derivable: "damaged, but derivable (no event is concerned)"
        case .checkpoint: "damaged checkpoint (no event is concerned)"
        }
    }

    var json: JSON { .object([("kind", .string(kind.rawValue)), ("error", error.json)]) }
}
