// swift-tools-version: 6.2
import PackageDescription

/// The other logs and databases, which need their libraries (scripts/bench installs them).
let peers: TargetDependencyCondition? = .when(traits: ["Peers"])

let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    traits: [
        .trait(name: "Peers", description: "RocksDB, LevelDB, SQLite and SQLite through GRDB as contestants"),
        .default(enabledTraits: []),
    ],
    dependencies: [
        .package(name: "swift-wal", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .target(name: "CFloor", linkerSettings: [.linkedLibrary("zstd")]),
        .systemLibrary(name: "CRocksDB", providers: [.apt(["librocksdb-dev"]), .brew(["rocksdb"])]),
        .systemLibrary(name: "CLevelDB", providers: [.apt(["libleveldb-dev"]), .brew(["leveldb"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .executableTarget(
            name: "walbench",
            dependencies: [
                "CFloor",
                .product(name: "Wal", package: "swift-wal"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .target(name: "CRocksDB", condition: peers),
                .target(name: "CLevelDB", condition: peers),
                .target(name: "CSQLite", condition: peers),
                .product(name: "GRDB", package: "GRDB.swift", condition: peers),
            ]),
        .executableTarget(name: "walscale", dependencies: [.product(name: "Wal", package: "swift-wal")]),
    ],
    swiftLanguageModes: [.v6]
)
