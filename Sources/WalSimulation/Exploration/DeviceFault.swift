/// One lie of a device: it reports a sync of a file as done, and something else has happened.
package struct DeviceFault: Sendable, Hashable, CustomStringConvertible {
    package struct Place: Sendable, Hashable {
        var file: Int
        var sector: Int
    }

    package enum Kind: Sendable, Hashable {
        /// Nothing of the file was written; a later sync may still do it.
        case lyingSync
        /// This sector was not written, and counts as clean.
        case lostWrite(sector: Int)
        /// This sector went to another place, and not to its own.
        case misdirectedWrite(sector: Int, to: Place)
        /// This sector went to its own place and to another.
        case duplicateWrite(sector: Int, to: Place)
    }

    /// The place of the sync in the trace.
    package var event: Int
    package var kind: Kind

    package var description: String {
        switch kind {
        case .lyingSync: "\(event):lie"
        case .lostWrite(let sector): "\(event):lost\(sector)"
        case .misdirectedWrite(let sector, let to): "\(event):\(sector)>\(to.file).\(to.sector)"
        case .duplicateWrite(let sector, let to): "\(event):\(sector)+\(to.file).\(to.sector)"
        }
    }
}

extension DiskModel {
    /// A sync of a file by a device that lies.
    mutating func sync(_ id: Int, _ kind: DeviceFault.Kind) {
        switch kind {
        case .lyingSync: break
        case .lostWrite(let sector): files[id]?.sync(losing: sector, sectorSize: sectorSize)
        case .misdirectedWrite(let sector, let place):
            files[id]?.sync(losing: sector, sectorSize: sectorSize)
            misplace(sector, of: id, to: place)
        case .duplicateWrite(let sector, let place):
            files[id]?.sync()
            misplace(sector, of: id, to: place)
        }
    }

    private mutating func misplace(_ sector: Int, of id: Int, to place: DeviceFault.Place) {
        guard let content = files[id]?.content else { return }
        let bytes = content.withSector(sector, size: sectorSize) { [UInt8]($0) }
        files[place.file]?.misplace(bytes, at: place.sector, sectorSize: sectorSize)
    }
}
