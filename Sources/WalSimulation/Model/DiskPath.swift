/// Paths as the simulated disk keys them: absolute, without empty, "." or ".." components.
enum DiskPath {
    /// The one spelling of `path`; a relative path counts from the root.
    static func canonical(_ path: String) -> String {
        if isCanonical(path) { return path }
        var components: [Substring] = []
        for component in path.split(separator: "/") where component != "." {
            if component == ".." {
                _ = components.popLast()
            } else {
                components.append(component)
            }
        }
        return "/" + components.joined(separator: "/")
    }

    /// Directory and name of a canonical path; nil for the root, which has no name.
    static func split(_ canonical: String) -> (parent: String, name: String)? {
        guard canonical != "/" else { return nil }
        var canonical = canonical
        return canonical.withUTF8 { bytes in
            guard let slash = bytes.lastIndex(of: slashByte) else { return nil }
            let name = String(decoding: bytes[(slash + 1)...], as: UTF8.self)
            return (slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self), name)
        }
    }

    static func join(_ directory: String, _ name: String) -> String {
        directory == "/" ? "/" + name : directory + "/" + name
    }

    private static let slashByte = UInt8(ascii: "/")

    /// The fast path: nothing to rewrite.
    ///
    /// Names that start with a dot take the slow one.
    private static func isCanonical(_ path: String) -> Bool {
        var path = path
        return path.withUTF8 { bytes in
            guard bytes.first == slashByte else { return false }
            var previous: UInt8 = 0
            for byte in bytes {
                if previous == slashByte, byte == slashByte || byte == UInt8(ascii: ".") { return false }
                previous = byte
            }
            return bytes.count == 1 || previous != slashByte
        }
    }
}
