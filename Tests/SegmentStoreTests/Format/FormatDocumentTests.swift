import Foundation
import SegmentStore
import Testing

/// docs/format.md gives the offsets and sizes that the code uses.
@Suite struct FormatDocumentTests {
    private struct Row {
        var offset: Int
        var size: Int
        var name: String
    }

    /// The rows of the first table under a heading.
    private func table(_ heading: String) throws -> [Row] {
        let text = try String(contentsOfFile: packageRoot + "/docs/format.md", encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0 == "### " + heading }, "no heading \(heading)")
        return lines[(start + 1)...].prefix { !$0.hasPrefix("#") }.compactMap { line -> Row? in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 6, let offset = Int(cells[1]), let size = Int(cells[2]) else { return nil }
            return Row(offset: offset, size: size, name: cells[4].trimmingCharacters(in: ["`"]))
        }
    }

    /// The rows cover the block without a gap, and a change of a field changes bytes of its row and of the checksum alone.
    private func check<Value>(
        _ heading: String, size: Int, _ value: Value, encode: (Value) -> [UInt8],
        changes: [String: (inout Value) -> Void],
        partly: [String: (inout Value) -> Void] = [:]
    ) throws {
        let rows = try table(heading)
        var end = 0
        for row in rows {
            #expect(row.offset == end, "\(heading): \(row.name)")
            end = row.offset + row.size
        }
        #expect(end == size, "\(heading) ends at \(end)")
        let named = rows.filter { !["magic", "version", "checksum", "reserved"].contains($0.name) }
        #expect(Set(named.map(\.name)) == Set(changes.keys).union(partly.keys), "\(heading)")
        let checksum = rows.first { $0.name == "checksum" }
        let original = encode(value)
        #expect(original.count == size)
        for row in named {
            guard let change = changes[row.name] ?? partly[row.name] else { continue }
            var changed = value
            change(&changed)
            let bytes = encode(changed)
            let places = bytes.indices.filter { bytes[$0] != original[$0] }
            let own = places.filter { place in
                checksum.map { place < $0.offset || place >= $0.offset + $0.size } ?? true
            }
            #expect(!own.isEmpty, "\(heading): \(row.name) is not stored")
            #expect(
                own.allSatisfy { $0 >= row.offset && $0 < row.offset + row.size }, "\(heading): \(row.name) at \(own)")
            // Every byte of the row is used: the change flips all bits.
            #expect(own.count == row.size || partly[row.name] != nil, "\(heading): \(row.name) has \(own.count) bytes")
        }
    }

    @Test func theSuperblockIsAsDocumented() throws {
        var superblock = FormatSamples.superblock
        superblock.isClean = false
        try check(
            "Superblock slot", size: 4096, superblock,
            encode: { $0.encode().bytes },
            changes: [
                "ignorable": { $0.features.ignorable = ~$0.features.ignorable },
                "readOnly": { $0.features.readOnly = ~$0.features.readOnly },
                "required": { $0.features.required = ~$0.features.required },
                "identity": { $0.identity = .init(high: ~$0.identity.high, low: ~$0.identity.low) },
                "generation": { $0.generation = ~$0.generation }, "incarnation": { $0.incarnation = ~$0.incarnation },
                "epoch": { $0.epoch = ~$0.epoch }, "firstLSN": { $0.firstLSN = ~$0.firstLSN },
                "firstSequence": { $0.firstSequence = ~$0.firstSequence },
                "epochBeforeFirst": { $0.epochBeforeFirst = ~$0.epochBeforeFirst },
                "cutEpoch": { $0.cutEpoch = ~$0.cutEpoch },
                "activeBase": { $0.activeBase = ~$0.activeBase },
                "activeSequence": { $0.activeSequence = ~$0.activeSequence },
                "sealedBelow": { $0.sealedBelow = ~$0.sealedBelow },
                "watermark.lsn": { $0.watermark.lsn = ~$0.watermark.lsn },
                "watermark.segment": { $0.watermark.segment = ~$0.watermark.segment },
                "watermark.offset": { $0.watermark.offset = ~$0.watermark.offset },
                "watermark.link": { $0.watermark.link = ~$0.watermark.link },
                "watermark.incarnation": { $0.watermark.incarnation = ~$0.watermark.incarnation },
                "watermark.epoch": { $0.watermark.epoch = ~$0.watermark.epoch }, "cut": { $0.cut = ~$0.cut },
                "created": { $0.created = ~$0.created },
            ], partly: ["flags": { $0.isClean = true }, "cutKind": { $0.cutKind = .truncation }])
    }

    @Test func theSegmentHeaderIsAsDocumented() throws {
        try check(
            "Segment header", size: 4096, FormatSamples.header,
            encode: { header in
                var header = header
                return header.encode().bytes
            },
            changes: [
                "ignorable": { $0.features.ignorable = ~$0.features.ignorable },
                "readOnly": { $0.features.readOnly = ~$0.features.readOnly },
                "required": { $0.features.required = ~$0.features.required },
                "identity": { $0.identity = .init(high: ~$0.identity.high, low: ~$0.identity.low) },
                "sequence": { $0.sequence = ~$0.sequence }, "firstLSN": { $0.firstLSN = ~$0.firstLSN },
                "incarnation": { $0.incarnation = ~$0.incarnation }, "salt": { $0.salt = ~$0.salt },
                "created": { $0.created = ~$0.created }, "segmentSize": { $0.segmentSize = ~$0.segmentSize },
                "watermark": { $0.watermark = ~$0.watermark }, "epoch": { $0.epoch = ~$0.epoch },
                "indexSpacing": { $0.indexSpacing = ~$0.indexSpacing },
                "dictionaryID": { $0.dictionaryID = ~$0.dictionaryID },
                "encryptionKeyID": { $0.encryptionKeyID = ~$0.encryptionKeyID },
                "predecessor.sequence": { $0.predecessor.sequence = ~$0.predecessor.sequence },
                "predecessor.firstLSN": { $0.predecessor.firstLSN = ~$0.predecessor.firstLSN },
                "predecessor.lastLSN": { $0.predecessor.lastLSN = ~$0.predecessor.lastLSN },
                "predecessor.endOfFrames": { $0.predecessor.endOfFrames = ~$0.predecessor.endOfFrames },
                "predecessor.incarnation": { $0.predecessor.incarnation = ~$0.predecessor.incarnation },
                "predecessor.epoch": { $0.predecessor.epoch = ~$0.predecessor.epoch },
                "predecessor.lastFrameChecksum": {
                    $0.predecessor.lastFrameChecksum = ~$0.predecessor.lastFrameChecksum
                },
            ])
    }

    @Test func theFrameHeaderIsAsDocumented() throws {
        try check(
            "Frame header", size: 64, FormatSamples.frame, encode: { FormatSamples.bytes(of: $0) },
            changes: [
                "kind": { $0.kind = ~$0.kind }, "codec": { $0.codec = ~$0.codec },
                "bodyLength": { $0.bodyLength = ~$0.bodyLength }, "eventCount": { $0.eventCount = ~$0.eventCount },
                "firstLSN": { $0.firstLSN = ~$0.firstLSN }, "watermark": { $0.watermark = ~$0.watermark },
                "time": { $0.time = ~$0.time }, "incarnation": { $0.incarnation = ~$0.incarnation },
                "epoch": { $0.epoch = ~$0.epoch }, "link": { $0.link = ~$0.link },
                "bodyChecksum": { $0.bodyChecksum = ~$0.bodyChecksum }, "flags": { $0.flags = ~$0.flags },
            ])
    }

    @Test func theFooterIsAsDocumented() throws {
        try check(
            "Footer", size: 256, FormatSamples.footer, encode: { $0.encode(offset: 20_576).bytes },
            changes: [
                "firstLSN": { $0.summary.firstLSN = ~$0.summary.firstLSN },
                "lastLSN": { $0.summary.lastLSN = ~$0.summary.lastLSN },
                "firstEpoch": { $0.summary.firstEpoch = ~$0.summary.firstEpoch },
                "lastEpoch": { $0.summary.lastEpoch = ~$0.summary.lastEpoch },
                "lastIncarnation": { $0.summary.lastIncarnation = ~$0.summary.lastIncarnation },
                "eventCount": { $0.summary.eventCount = ~$0.summary.eventCount },
                "frameCount": { $0.summary.frameCount = ~$0.summary.frameCount },
                "payloadBytes": { $0.summary.payloadBytes = ~$0.summary.payloadBytes },
                "oldestEventTime": { $0.summary.oldestEventTime = ~$0.summary.oldestEventTime },
                "newestEventTime": { $0.summary.newestEventTime = ~$0.summary.newestEventTime },
                "oldestFrameTime": { $0.summary.oldestFrameTime = ~$0.summary.oldestFrameTime },
                "newestFrameTime": { $0.summary.newestFrameTime = ~$0.summary.newestFrameTime },
                "endOfFrames": { $0.endOfFrames = ~$0.endOfFrames },
                "indexOffset": { $0.indexOffset = ~$0.indexOffset },
                "indexLength": { $0.indexLength = ~$0.indexLength },
                "indexChecksum": { $0.indexChecksum = ~$0.indexChecksum },
                "framesChecksum": { $0.summary.framesChecksum = ~$0.summary.framesChecksum },
                "lastFrameChecksum": { $0.lastFrameChecksum = ~$0.lastFrameChecksum },
                "digestType": { $0.digestType = ~$0.digestType }, "digest": { $0.digest = $0.digest.map { ~$0 } },
                "salt": { $0.salt = ~$0.salt },
                "identity": { $0.identity = .init(high: ~$0.identity.high, low: ~$0.identity.low) },
                "sequence": { $0.sequence = ~$0.sequence }, "sealed": { $0.sealed = ~$0.sealed },
            ])
    }

    @Test func theCheckpointHeaderIsAsDocumented() throws {
        try check(
            "Checkpoint header", size: 4096, FormatSamples.checkpoint, encode: { $0.encode().bytes },
            changes: [
                "ignorable": { $0.features.ignorable = ~$0.features.ignorable },
                "readOnly": { $0.features.readOnly = ~$0.features.readOnly },
                "required": { $0.features.required = ~$0.features.required },
                "identity": { $0.identity = .init(high: ~$0.identity.high, low: ~$0.identity.low) },
                "lsn": { $0.position.lsn = LSN(~$0.position.lsn.rawValue) },
                "incarnation": { $0.position.incarnation = ~$0.position.incarnation },
                "epoch": { $0.position.epoch = ~$0.position.epoch }, "time": { $0.time = ~$0.time },
                "stateChecksum": { $0.stateChecksum = ~$0.stateChecksum },
            ],
            partly: [
                "flags": { $0.stateLength = nil }, "name": { $0.name = "orders.2" },
                // A zero byte more: the name's own bytes stay as they are.
                "nameLength": { $0.name += "\u{0}" },
                "stateLength": { $0.stateLength = 1 << 20 },
            ])
        var header = FormatSamples.checkpoint
        header.stateLength = nil
        #expect(try CheckpointHeader(header.encode()) == header)
        #expect(try CheckpointHeader(FormatSamples.checkpoint.encode()) == FormatSamples.checkpoint)
    }

    @Test func theIndexIsAsDocumented() throws {
        struct Sample {
            var entry = IndexEntry(lsn: 1, offset: 2, newestEventTime: 3, newestFrameTime: 4)
            var spacing = 4096

            var bytes: [UInt8] {
                var index = SparseIndex(spacing: spacing)
                index.append(entry)
                return index.encode(salt: 1, offset: 8).block.bytes
            }
        }
        let rows = try table("Index header")
        #expect(rows.map(\.offset) == [0, 8, 12, 16, 20])
        #expect(rows.map(\.size).reduce(0, +) == Layout.indexHeaderSize)
        let block = FormatSamples.index.encode(salt: 5, offset: 20_480).block
        #expect(block.load(8, as: UInt32.self) == 2)
        #expect(block.load(16, as: UInt32.self) == 4096)
        try check(
            "Index entry", size: Layout.indexEntrySize, Sample(),
            encode: { Array($0.bytes[Layout.indexHeaderSize...]) },
            changes: [
                "lsn": { $0.entry.lsn = ~$0.entry.lsn }, "offset": { $0.entry.offset = ~$0.entry.offset },
                "newestEventTime": { $0.entry.newestEventTime = ~$0.entry.newestEventTime },
                "newestFrameTime": { $0.entry.newestFrameTime = ~$0.entry.newestFrameTime },
            ])
    }

    @Test func theLimitOfTheFramesIsAsDocumented() {
        for size in [UInt64(16384), 1 << 20, 64 << 20, 2 << 30] {
            for spacing in [4096, 65536, 16 << 20] {
                let documented = (size - 288 - (size / UInt64(spacing) + 2) * 32) / 8 * 8
                #expect(Layout.framesLimit(segmentSize: size, indexSpacing: spacing) == documented)
            }
        }
    }
}
