// The event log of a small program: append, make durable, rebuild.
import Wal

let log = try WriteAheadLog.open(at: "orders.wal")
print("recovered: \(log.recovery.outcome), newest event \(log.lastLSN)")
try log.append(#"{"event":"placed","order":1}"#)  // accepted at once, written in the background
do {
    var batch = EventBatch()  // after a crash: all of it, or none
    try batch.append(Array(#"{"event":"paid","order":1}"#.utf8))
    try batch.append(Array(#"{"event":"shipped","order":1}"#.utf8))
    let newest = try log.append(batch)
    try log.waitDurable(newest)  // from here on a power cut can't take it back
}
var bytes = 0
try log.replay { event in  // oldest first; the payload is borrowed, not copied
    bytes += event.payload.byteCount
    return .continue
}
print("\(log.lastLSN) events, \(bytes) bytes")
try log.shutdown()
