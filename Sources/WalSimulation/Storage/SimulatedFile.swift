import SegmentStore
import Synchronization
import WalPlatform

/// An open file of a simulated disk.
final class SimulatedFile: StorageFile {
    private let disk: SimulatedDisk
    private let id: Int
    private let path: String
    private let access: StorageAccess
    private let isClosed = Atomic(false)

    init(_ disk: SimulatedDisk, _ id: Int, _ path: String, _ access: StorageAccess) {
        self.disk = disk
        self.id = id
        self.path = path
        self.access = access
    }

    deinit {
        dropHandle()
    }

    func size() throws(StorageError) -> UInt64 {
        try withOpen(.size) { (state) throws(StorageError) in
            UInt64(try state.model.content(id, .size, path).size)
        }
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
        try withOpen(.read) { (state) throws(StorageError) in
            try state.model.content(id, .read, path).read(at: Int(clamping: offset), into: buffer)
        }
    }

    func write(at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        try requireWritable(.write)
        try withOpen(.write) { (state) throws(StorageError) in
            let start = try checked(offset, adding: bytes.count, .write)
            let allocated = try state.model.file(id, .write, path).allocated
            var count = bytes.count
            if start + count > allocated, state.capacity != nil {
                count = max(0, min(count, allocated + state.freeBytes - start))
            }
            if count > 0 {
                let fitting = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                state.model.write(id, at: start, fitting)
                state.record(.write(file: id, offset: start, bytes: [UInt8](fitting)))
            }
            if count < bytes.count { throw StorageError(.write, path, errno: ErrorNumber.noSpace) }
        }
    }

    func allocate(_ size: UInt64) throws(StorageError) {
        try requireWritable(.allocate)
        try withOpen(.allocate) { (state) throws(StorageError) in
            let size = try checked(size, adding: 0, .allocate)
            let file = try state.model.file(id, .allocate, path)
            guard size > file.content.size || size > file.allocated else { return }
            if state.capacity != nil, size - file.allocated > state.freeBytes {
                throw StorageError(.allocate, path, errno: ErrorNumber.noSpace)
            }
            let newSize = max(size, file.content.size)
            state.model.setSize(id, newSize, allocating: true)
            state.record(.setSize(file: id, size: newSize, allocating: true))
        }
    }

    func truncate(_ size: UInt64) throws(StorageError) {
        try requireWritable(.truncate)
        try withOpen(.truncate) { (state) throws(StorageError) in
            let size = try checked(size, adding: 0, .truncate)
            state.model.setSize(id, size, allocating: false)
            state.record(.setSize(file: id, size: size, allocating: false))
        }
    }

    func sync() throws(StorageError) {
        try withOpen(.sync) { (state) throws(StorageError) in
            state.model.sync(id)
            state.record(.sync(file: id))
        }
    }

    func map(length: Int) throws(StorageError) -> any StorageMapping {
        try withOpen(.map) { (state) throws(StorageError) in
            let content = try state.model.content(id, .map, path)
            guard length > 0, length <= content.size else {
                throw StorageError(.map, path, errno: ErrorNumber.invalidArgument)
            }
            return SimulatedMapping(content, length: length)
        }
    }

    func close() throws(StorageError) {
        dropHandle()
    }

    private func dropHandle() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        disk.withState { state in
            state.model.files[id]?.handles -= 1
            state.model.dropUnreachable()
        }
    }

    private func withOpen<R: Sendable>(
        _ operation: StorageError.Operation, _ body: (inout SimulatedDisk.State) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try disk.withState { (state) throws(StorageError) in
            guard !isClosed.load(ordering: .relaxed) else {
                throw StorageError(operation, path, errno: ErrorNumber.badDescriptor)
            }
            return try body(&state)
        }
    }

    private func requireWritable(_ operation: StorageError.Operation) throws(StorageError) {
        guard access == .readWrite else {
            throw StorageError(operation, path, errno: ErrorNumber.badDescriptor)
        }
    }

    private func checked(
        _ offset: UInt64, adding count: Int, _ operation: StorageError.Operation
    ) throws(StorageError) -> Int {
        guard let offset = Int(exactly: offset), offset <= FileContent.sizeLimit - min(count, FileContent.sizeLimit)
        else {
            throw StorageError(operation, path, errno: ErrorNumber.fileTooLarge)
        }
        return offset
    }
}
