// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-wal", path: "..")],
    targets: [
        .target(name: "CFloor", linkerSettings: [.linkedLibrary("zstd")]),
        .executableTarget(name: "walbench", dependencies: ["CFloor", .product(name: "Wal", package: "swift-wal")]),
    ],
    swiftLanguageModes: [.v6]
)
