/// All files of a simulated disk at one moment. Shares their bytes with the disk, so that taking and comparing it is cheap.
package struct DiskSnapshot: Sendable {
    let files: [String: FileContent]

    /// The paths of files that are there in one of the two only, or differ in size or bytes; sorted.
    package func difference(from other: DiskSnapshot) -> [String] {
        let gone = other.files.keys.filter { files[$0] == nil }
        let changed = files.keys.filter { path in
            guard let mine = files[path], let theirs = other.files[path] else { return true }
            return mine.size != theirs.size || !mine.hasEqualPages(theirs)
        }
        return (gone + changed).sorted()
    }
}

extension FileContent {
    /// Pages that are shared are equal without a look at them.
    func hasEqualPages(_ other: FileContent) -> Bool {
        pages.count == other.pages.count
            && zip(pages, other.pages).allSatisfy { one, other in
                one.withUnsafeBytes { one in
                    other.withUnsafeBytes { other in
                        one.baseAddress == other.baseAddress || haveEqualBytes(one, other)
                    }
                }
            }
    }
}
