import Foundation
import FuzzTargets

/// The target that WAL_FUZZ_TARGET names: not an argument, as the fuzzer starts processes of its own with its own arguments.
let target = ProcessInfo.processInfo.environment["WAL_FUZZ_TARGET"].flatMap(FuzzTarget.init)

/// What libFuzzer, whose own `main` this program has, calls with every input.
///
/// Ends the process if a promise is broken: that is how the fuzzer hears of it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target?.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
    } catch {
        complain("broken promise: \(error)")
        abort()
    }
}

func complain(_ message: String) {
    FileHandle.standardError.write(Data("walfuzz: \(message)\n".utf8))
}
