/// Where a file may hold other bytes than zeros.
///
/// To be asked for before anything of the file is read: the system reads ahead into room set aside, and calls that data from
/// then on.
package struct DataRanges: Sendable {
    private let size: UInt64
    /// In order, all below `size`.
    private let ranges: [Range<UInt64>]

    /// Of what lies at or behind `offset`.
    package init(_ file: any StorageFile, from offset: UInt64) throws(StorageError) {
        let size = try file.size()
        var ranges: [Range<UInt64>] = []
        var position = offset
        while position < size, let data = try file.nextData(at: position) {
            guard data.lowerBound >= position, data.upperBound > data.lowerBound else {
                // An answer that makes no sense is none.
                ranges = [offset..<size]
                break
            }
            guard data.lowerBound < size else { break }
            ranges.append(data.lowerBound..<min(size, data.upperBound))
            position = data.upperBound
        }
        self.size = size
        self.ranges = ranges
    }

    /// The ranges at or behind an offset, and all that a file has gained since they were asked for.
    func from(_ offset: UInt64, to size: UInt64) -> [Range<UInt64>] {
        var result: [Range<UInt64>] = []
        guard offset < size else { return result }
        for range in ranges where range.upperBound > offset && range.lowerBound < size {
            result.append(max(offset, range.lowerBound)..<min(size, range.upperBound))
        }
        if max(offset, self.size) < size { result.append(max(offset, self.size)..<size) }
        return result
    }
}
