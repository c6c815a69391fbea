import Wal
import WalPlatform

/// Prints events in one of three forms, up to a last one and a number of them.
struct EventPrinter: ~Copyable {
    enum Form {
        case raw
        /// As it is, but for what a terminal would obey.
        case readable
        case json
        case hex
    }

    private let form: Form
    private let last: LSN
    private var left: UInt64
    private var output = OutputBuffer()

    init(form: Form, last: LSN, limit: UInt64) {
        self.form = form
        self.last = last
        left = limit
    }

    /// Whether all that was asked for has been printed, so that what follows is of no interest.
    private(set) var isComplete = false

    mutating func print(_ event: borrowing BorrowedEvent) throws(ProcessStream.Failure) -> ReplayStep {
        if event.lsn > last || left == 0 {
            isComplete = true
            return .stop
        }
        let (lsn, time) = (event.lsn, event.time)
        try event.payload.withUnsafeBytes { (payload) throws(ProcessStream.Failure) in
            switch form {
            case .raw: try output.append(payload)
            case .readable: try output.appendReadable(payload)
            case .hex:
                try output.appendDecimal(lsn.rawValue)
                try output.append(UInt8(ascii: " "))
                try output.appendHex(payload)
            case .json:
                try output.append("{\"lsn\":" as StaticString)
                try output.appendDecimal(lsn.rawValue)
                try output.append(",\"time\":\"\(timestamp(time))\",")
                try output.appendMember("payload", encodingName: "encoding", payload)
            }
        }
        if form == .json { try printRest(event) }
        try output.append(UInt8(ascii: "\n"))
        left -= 1
        isComplete = left == 0 || lsn == last
        return isComplete ? .stop : .continue
    }

    private mutating func printRest(_ event: borrowing BorrowedEvent) throws(ProcessStream.Failure) {
        if let meta = event.meta {
            try output.append(UInt8(ascii: ","))
            try meta.withUnsafeBytes { (bytes) throws(ProcessStream.Failure) in
                try output.appendMember("meta", encodingName: "metaEncoding", bytes)
            }
        }
        if let key = event.key {
            try output.append(UInt8(ascii: ","))
            try key.withUnsafeBytes { (bytes) throws(ProcessStream.Failure) in
                try output.appendMember("key", encodingName: "keyEncoding", bytes)
            }
        }
        try output.append(UInt8(ascii: "}"))
    }

    mutating func finish() throws(ProcessStream.Failure) {
        try output.flush()
    }
}
