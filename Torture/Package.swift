// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Torture",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-wal", path: "..")],
    targets: [
        .target(name: "CTorture"),
        .executableTarget(name: "waltorture", dependencies: ["CTorture", .product(name: "Wal", package: "swift-wal")]),
    ],
    swiftLanguageModes: [.v6]
)
