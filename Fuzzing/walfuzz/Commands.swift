import Foundation
import FuzzTargets

/// What libFuzzer calls before the first input: `walfuzz list` names the targets and the longest inputs that make sense, and
/// `walfuzz seeds FOLDER` writes inputs to begin with.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ values: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>
) -> CInt {
    let arguments = CommandLine.arguments
    if arguments.count == 2, arguments[1] == "list" {
        for target in FuzzTarget.allCases { print(target.rawValue, target.inputBytesMax) }
        exit(0)
    }
    guard let target else {
        complain("WAL_FUZZ_TARGET must be one of \(FuzzTarget.allCases.map(\.rawValue))")
        exit(64)
    }
    guard arguments.count == 3, arguments[1] == "seeds" else { return 0 }
    do {
        for (number, seed) in try target.seeds().enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: arguments[2]).appendingPathComponent("seed-\(number)"))
        }
        exit(0)
    } catch {
        complain("can't write the inputs: \(error)")
        exit(74)
    }
}
