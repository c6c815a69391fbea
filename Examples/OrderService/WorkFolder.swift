import Foundation

/// Where the log lies: a fresh temporary folder that goes at the end, or one that was asked for and stays.
struct WorkFolder {
    let url: URL
    let isKept: Bool

    init(keep: String?) throws {
        let files = FileManager.default
        isKept = keep != nil
        if let keep {
            url = URL(fileURLWithPath: keep, isDirectory: true)
            if files.fileExists(atPath: url.path), try !files.contentsOfDirectory(atPath: url.path).isEmpty {
                throw UsageError(description: "\(keep) is not empty; --keep needs a new or an empty directory")
            }
        } else {
            url = files.temporaryDirectory.appendingPathComponent("order-service-\(UUID().uuidString)")
        }
        try files.createDirectory(at: url, withIntermediateDirectories: true)
    }

    var log: String { url.appendingPathComponent("orders.wal").path }

    func removeUnlessKept() {
        // Nothing is lost if a temporary folder stays.
        if !isKept { try? FileManager.default.removeItem(at: url) }
    }
}
