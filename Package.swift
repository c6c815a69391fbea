// swift-tools-version: 6.2
import PackageDescription

/// `scripts/test` sets WAL_STRICT; a newer compiler's warnings must never break users.
let strict: [SwiftSetting] = Context.environment["WAL_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : []

/// Settings of every Swift target. `Lifetimes` lets borrowed events be returned as non-escapable values
/// that cannot outlive a cursor step; only this package needs the flag, its users do not.
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableExperimentalFeature("Lifetimes"),
    ] + strict

let systemPackage: Target.Dependency = .product(
    name: "SystemPackage", package: "swift-system", condition: .when(platforms: [.linux]))

/// `scripts/fuzz` sets WAL_FUZZ: without the fuzzer's run time, which comes with its compiler flags, this does not link.
let fuzzer: [Target] =
    Context.environment["WAL_FUZZ"] == "1"
    ? [
        .executableTarget(
            name: "walfuzz", dependencies: ["FuzzTargets"], path: "Fuzzing/walfuzz", swiftSettings: settings)
    ] : []

/// `scripts/test` sets WAL_THREADS for its build with the thread sanitizer: what uses one thread alone is left out.
let isAboutThreads = Context.environment["WAL_THREADS"] == "1"
let oneThread = [
    "CrashTests", "FuzzTargets", "FuzzTests", "OrderService", "TidyTests", "WalSimulationTests", "WalctlTests",
    "walctl",
]

let package = Package(
    name: "swift-wal",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "Wal", targets: ["Wal"]),
        .library(name: "SegmentStore", targets: ["SegmentStore"]),
        .library(name: "WalSimulation", targets: ["WalSimulation"]),
    ] + (isAboutThreads ? [] : [.executable(name: "walctl", targets: ["walctl"])]),
    traits: [
        .trait(name: "Zstd", description: "Compressed sealed segments, through libzstd"),
        .default(enabledTraits: ["Zstd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    ],
    targets: ([
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .target(name: "CWalPlatform"),
        // `FilePath` and `Errno` in a module of their own, which `Wal` re-exports without the rest of the platform's.
        .target(
            name: "WalSystemTypes", dependencies: [systemPackage], path: "Sources/WalPlatform/SystemTypes",
            swiftSettings: settings),
        .target(
            name: "WalPlatform", dependencies: ["CWalPlatform", "WalSystemTypes", systemPackage],
            exclude: ["SystemTypes"], swiftSettings: settings),
        .target(
            name: "SegmentStore",
            dependencies: [
                "WalPlatform",
                .target(name: "CZstd", condition: .when(traits: ["Zstd"])),
            ],
            swiftSettings: settings),
        .target(name: "Wal", dependencies: ["SegmentStore", "WalPlatform", "WalSystemTypes"], swiftSettings: settings),
        .target(name: "WalSimulation", dependencies: ["SegmentStore", "WalPlatform"], swiftSettings: settings),
        .executableTarget(
            name: "walctl",
            dependencies: [
                "Wal", "SegmentStore", "WalPlatform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "OrderService", dependencies: ["Wal"], path: "Examples/OrderService",
            swiftSettings: settings),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .target(
            name: "FuzzTargets", dependencies: ["SegmentStore", "WalPlatform", "WalSimulation"],
            path: "Tests/FuzzTargets", swiftSettings: settings),
        .testTarget(name: "TidyTests", swiftSettings: settings),
        .testTarget(
            name: "WalctlTests", dependencies: ["walctl", "OrderService", "Wal"], exclude: ["Golden"],
            swiftSettings: settings),
        .testTarget(name: "WalPlatformTests", dependencies: ["WalPlatform"], swiftSettings: settings),
        .testTarget(
            name: "SegmentStoreTests", dependencies: ["SegmentStore", "WalPlatform", "WalSimulation"],
            swiftSettings: settings),
        .testTarget(
            name: "WalTests",
            dependencies: ["Wal", "SegmentStore", "WalPlatform", "WalSimulation", "AllocationCounter"],
            swiftSettings: settings),
        .testTarget(
            name: "CrashTests", dependencies: ["SegmentStore", "WalPlatform", "WalSimulation"],
            swiftSettings: settings),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: settings),
        .testTarget(
            name: "WalSimulationTests", dependencies: ["WalSimulation", "SegmentStore", "WalPlatform"],
            swiftSettings: settings),
    ] + fuzzer).filter { !isAboutThreads || !oneThread.contains($0.name) },
    swiftLanguageModes: [.v6]
)
