import WalPlatform

/// The block at the start of a checkpoint file (docs/format.md, "Checkpoint"); the state follows it.
package struct CheckpointHeader: Sendable, Hashable {
    package static let magic: UInt64 = 0x0150_4B43_4C41_5753  // "SWALCKP" and 1, in the order of the bytes

    package var features = FeatureBits()
    package var identity: LogIdentity
    package var position: Position
    package var time: Int64
    /// nil: there is no state, which differs from an empty one.
    package var stateLength: Int?
    package var stateChecksum: UInt32
    package var name: String

    package init(identity: LogIdentity, name: String, position: Position, time: Int64, state: [UInt8]?) {
        self.identity = identity
        self.name = name
        self.position = position
        self.time = time
        stateLength = state?.count
        stateChecksum = Self.checksum(of: state ?? [])
    }

    package static func checksum(of state: [UInt8]) -> UInt32 {
        state.withUnsafeBytes { CRC32C.checksum($0) }
    }

    private static let checksumField = 12
    private static let nameOffset = 104

    package func encode() -> Block {
        var block = Block(size: Layout.blockSize)
        block.store(Self.magic, at: 0)
        block.store(Layout.version, at: 8)
        features.store(into: &block, at: 16)
        block.store(identity.high, at: 40)
        block.store(identity.low, at: 48)
        block.store(position.lsn.rawValue, at: 56)
        block.store(position.incarnation, at: 64)
        block.store(position.epoch, at: 72)
        block.store(UInt32(stateLength == nil ? 0 : 1), at: 76)
        block.store(time, at: 80)
        block.store(UInt32(truncatingIfNeeded: stateLength ?? 0), at: 88)
        block.store(stateChecksum, at: 92)
        block.store(UInt32(truncatingIfNeeded: name.utf8.count), at: 96)
        block.store(Array(name.utf8.prefix(Checkpoint.nameLengthMax)), at: Self.nameOffset)
        block.seal(field: Self.checksumField)
        return block
    }

    package typealias Failure = BlockFailure

    package init(_ block: Block) throws(Failure) {
        features = try block.openedFeatures(magic: Self.magic, checksumField: Self.checksumField)
        identity = LogIdentity(high: block.load(40), low: block.load(48))
        position = Position(
            lsn: LSN(block.load(56, as: UInt64.self)), epoch: block.load(72), incarnation: block.load(64))
        time = block.load(80)
        let length = Int(clamping: block.load(88, as: UInt32.self))
        stateLength = block.load(76, as: UInt32.self) & 1 != 0 ? length : nil
        stateChecksum = block.load(92)
        let nameLength = Int(clamping: block.load(96, as: UInt32.self))
        guard length <= Checkpoint.stateBytesMax, stateLength != nil || length == 0 else {
            throw .impossible("state length")
        }
        guard nameLength <= Checkpoint.nameLengthMax else { throw .impossible("name length") }
        name = String(decoding: block.load(Self.nameOffset, count: nameLength), as: UTF8.self)
        guard Checkpoint.isName(name) else { throw .impossible("name") }
        guard position.lsn <= .max else { throw .impossible("position") }
    }
}
