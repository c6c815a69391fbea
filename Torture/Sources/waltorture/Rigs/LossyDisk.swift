import CTorture

/// The file system that loses what was not synced, as it is told to.
struct LossyDisk {
    private static let attribute = "user.lossy"
    let folder: String

    private func command(_ text: String) throws(RigFailure) {
        try RigFailure.check(torture_command(folder, Self.attribute, text), "telling lossyfs: \(text)")
    }

    /// The share of what is not synced that a power cut keeps: often all, or nothing, of the data or of the names.
    private func shares(_ generator: inout SplitMix) -> String {
        "\(generator.next() >> 1) \(generator.pick([0, 20, 50, 50, 80, 100])) \(generator.pick([0, 50, 50, 80, 100]))"
    }

    func cut(_ generator: inout SplitMix) throws(RigFailure) { try command("cut \(shares(&generator))") }

    /// Cuts the power at the n-th operation from now on.
    func cut(at operation: UInt64, _ generator: inout SplitMix) throws(RigFailure) {
        try command("arm \(operation) \(shares(&generator))")
    }

    /// Restores the power, and heals everything that was made to fail.
    func restore() throws(RigFailure) { try command("on") }

    /// Whether a sync of a file keeps its name too.
    func setLax(_ isLax: Bool) throws(RigFailure) { try command("lax \(isLax ? 1 : 0)") }

    func limit(bytes: UInt64) throws(RigFailure) { try command("space \(bytes)") }

    func fail(_ fault: LossyFault) throws(RigFailure) {
        try command("fault \(fault.operation) \(fault.countdown) \(fault.error) \(fault.times)")
    }

    func rot(seed: UInt64) throws(RigFailure) { try command("rot \(seed >> 1)") }
    func heal() throws(RigFailure) { try command("heal") }

    var status: (isDead: Bool, struck: UInt64) {
        get throws(RigFailure) {
            var text = [CChar](repeating: 0, count: 128)
            try RigFailure.check(torture_status(folder, Self.attribute, &text, text.count), "asking lossyfs")
            let words = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
                .map { String(decoding: $0, as: UTF8.self) }
            guard words.count >= 6 else { throw RigFailure("lossyfs said nothing that can be understood") }
            return (words[1] == "1", UInt64(words[5]) ?? 0)
        }
    }
}

/// Calls of one kind that fail.
struct LossyFault {
    var operation: String
    /// How many calls on.
    var countdown: UInt64
    /// The error number; 0: a short count.
    var error: CInt
    var times: UInt64
}
