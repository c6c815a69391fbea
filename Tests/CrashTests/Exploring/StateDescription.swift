import Foundation
import SegmentStore
import WalSimulation

func describe(_ state: CrashExplorer.State) {
    let disk = state.disk
    print("crash at \(state.point) after", state.marks.suffix(40).map { "\($0)" }.joined(separator: " "))
    if let file = try? disk.backend.open("/log/LOG", .readOnly), let c = try? SuperblockFile.read(file) { print(c) }
    for path in disk.files() where path.contains(".seg") {
        guard let file = try? disk.backend.open(path, .readOnly) else { continue }
        let reader = HeaderReader(storage: disk.backend, directory: "/log")
        let finding = try? reader.read(file, path: path, identity: nil)
        print(path, (try? file.size()) ?? 0, terminator: " ")
        if case .intact(let h)? = finding {
            print(
                "seq \(h.sequence) first \(h.firstLSN) epoch \(h.epoch) wm \(h.watermark) pred \(h.predecessor.lastLSN)@\(h.predecessor.endOfFrames)",
                terminator: " ")
            let window = ByteWindow(file, limit: (try? file.size()) ?? 0)
            var chain = FrameChain(h)
            while case .whole(let f, _)? = try? chain.check(window) { chain.accept(f) }
            print("ends \(chain.nextLSN - 1)@\(chain.offset)", (try? reader.footer(file)) != nil ? "footer?" : "")
        } else {
            print(finding as Any)
        }
    }
}
