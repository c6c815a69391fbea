import Foundation

/// The seed of a randomised test: WAL_SEED where it is set, else a fixed one. Print it with every failure.
let testSeed = ProcessInfo.processInfo.environment["WAL_SEED"].flatMap { UInt64($0) } ?? 20_260_501

/// The root of the package, found from this file.
let packageRoot = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .path
