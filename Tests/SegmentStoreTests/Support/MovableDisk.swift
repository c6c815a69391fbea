import Foundation
import SegmentStore
import WalPlatform
import WalSimulation

/// A real or a simulated disk whose directories are moved about.
final class MovableDisk {
    enum Kind: String, CaseIterable { case real, simulated }

    let storage: any Storage
    private let real: TemporaryDirectory?
    private let simulated: SimulatedDisk?

    init(_ kind: Kind) throws {
        switch kind {
        case .real:
            real = try TemporaryDirectory()
            simulated = nil
            storage = PosixStorage()
        case .simulated:
            let disk = SimulatedDisk()
            real = nil
            simulated = disk
            storage = disk.backend
        }
    }

    func path(_ name: String) -> String { real?.file(name) ?? "/" + name }

    func move(_ name: String, to newName: String) throws {
        if let simulated {
            guard simulated.moveDirectory(path(name), to: path(newName)) else { throw CocoaError(.fileNoSuchFile) }
        } else {
            try FileManager.default.moveItem(atPath: path(name), toPath: path(newName))
        }
    }

    /// Removes a directory with all that is in it.
    func remove(_ name: String) throws {
        if let simulated {
            guard simulated.removeDirectory(path(name)) else { throw CocoaError(.fileNoSuchFile) }
        } else {
            try FileManager.default.removeItem(atPath: path(name))
        }
    }

    func pinned(_ name: String, making: Bool = false) throws(StorageError) -> PinnedStorage {
        try storage.pinned(to: DirectoryPath(path(name)), mode: nil, making: making)
    }

    /// A digest of every name and byte in a directory.
    func contents(_ name: String) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        func add(_ folder: String) throws {
            for name in try storage.list(folder) {
                let path = folder + "/" + name
                do {
                    let file = try storage.open(path, .readOnly)
                    contents[path] = try file.read(at: 0, count: Int(try file.size()))
                    try file.close()
                } catch let error as StorageError
                    where error.problem == .noFile || error.errno == ErrorNumber.isDirectory
                {
                    contents[path + "/"] = []
                    try add(path)
                }
            }
        }
        try add(path(name))
        return contents
    }
}
