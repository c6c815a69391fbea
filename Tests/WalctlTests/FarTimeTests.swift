import Foundation
import Testing
import Wal

/// Times at the ends of what 64 bits hold, some in 1677 and some in 2262, are printed like any other.
@Suite struct FarTimeTests {
    @Test func timesAtTheEndsOfTheirRangeArePrinted() throws {
        let folder = try Folder()
        let path = folder.url.appendingPathComponent("log").path
        let log = try WriteAheadLog.open(at: path)
        for time in [.min, .min + 1, -1, 0, .max] as [Int64] {
            try log.append([UInt8](repeating: 120, count: 3), meta: nil, time: EventTime(nanosecondsSince1970: time))
        }
        try log.rotate()
        try log.append([UInt8](repeating: 121, count: 3), meta: nil, time: EventTime(nanosecondsSince1970: .min))
        try log.shutdown()
        let printed = try Tool.run("cat", path, "--json")
        #expect(printed.status == 0)
        #expect(
            printed.text.split(separator: "\n").compactMap { line in
                (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["time"] as? String
            } == [
                "1677-09-21T00:12:43.145224192Z", "1677-09-21T00:12:43.145224193Z", "1969-12-31T23:59:59.999999999Z",
                "1970-01-01T00:00:00.000000000Z", "2262-04-11T23:47:16.854775807Z", "1677-09-21T00:12:43.145224192Z",
            ])
        for command in ["info", "verify"] {
            #expect(try Tool.run(command, path).status == 0)
            #expect(try Tool.run(command, path, "--json").status == 0)
        }
        #expect(try Tool.run("cat", path, "--since", "1700-01-01", "--until", "@9223372036").status == 0)
        #expect(try Tool.run("retain", path, "--max-age", "106751d", "--dry-run").status == 0)
    }
}
