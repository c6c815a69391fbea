import Foundation
import Wal

/// What the service knows, all of it derived from its events: this is what an event log lets one rebuild.
struct ServiceState: Codable, Equatable {
    /// The number of orders at each stage.
    private(set) var ordersByStage: [String: Int] = [:]
    /// The cents that customers have paid and not got back, by customer number.
    private(set) var centsByCustomer: [Int: Int] = [:]
    /// The last state of each package that the package manager's log mentions.
    private(set) var packages: [String: String] = [:]
    /// Events that say nothing about orders or packages.
    private(set) var otherEvents = 0
    /// Events taken in, which is also the LSN of the last of them.
    private(set) var eventCount = 0

    /// The cents of all customers.
    var cents: Int { centsByCustomer.values.reduce(0, +) }

    /// Takes in the next event.
    mutating func apply(_ payload: RawSpan) {
        eventCount += 1
        payload.withUnsafeBytes { bytes in
            if bytes.first == UInt8(ascii: "{"), applyOrder(bytes) { return }
            if applyPackage(bytes) { return }
            otherEvents += 1
        }
    }

    private static let previousStage = ["paid": "placed", "packed": "paid", "shipped": "packed", "cancelled": "packed"]

    private mutating func applyOrder(_ payload: UnsafeRawBufferPointer) -> Bool {
        guard let stage = text(in: payload, after: "{\"event\":\""),
            let customer = number(in: payload, after: "\"customer\":"),
            let cents = number(in: payload, after: "\"cents\":")
        else { return false }
        if let previous = Self.previousStage[stage] { ordersByStage[previous, default: 0] -= 1 }
        ordersByStage[stage, default: 0] += 1
        if stage == "paid" { centsByCustomer[customer, default: 0] += cents }
        if stage == "cancelled" { centsByCustomer[customer, default: 0] -= cents }
        return true
    }

    // dpkg.log: "2026-01-31 12:00:00 status installed libc6:amd64 2.36-9", among lines of other kinds.
    private mutating func applyPackage(_ payload: UnsafeRawBufferPointer) -> Bool {
        guard payload.count > 27, payload[4] == UInt8(ascii: "-"), payload[19] == UInt8(ascii: " ") else {
            return false
        }
        let words = String(decoding: payload, as: UTF8.self).split(separator: " ").map(String.init)
        guard words.count >= 5, words[2] == "status" else { return false }
        packages[words[4]] = ([words[3]] + words[5...]).joined(separator: " ")
        return true
    }
}

/// The digits behind the first place where `name` stands.
private func number(in payload: UnsafeRawBufferPointer, after name: StaticString) -> Int? {
    guard var index = end(of: name, in: payload) else { return nil }
    var value: Int?
    while index < payload.count, payload[index] >= 48, payload[index] <= 57 {
        let (product, tooLarge) = (value ?? 0).multipliedReportingOverflow(by: 10)
        let (sum, stillTooLarge) = product.addingReportingOverflow(Int(payload[index]) - 48)
        if tooLarge || stillTooLarge { return nil }
        value = sum
        index += 1
    }
    return value
}

/// The text behind the first place where `name` stands, up to a quotation mark.
private func text(in payload: UnsafeRawBufferPointer, after name: StaticString) -> String? {
    guard let start = end(of: name, in: payload) else { return nil }
    var end = start
    while end < payload.count, payload[end] != UInt8(ascii: "\"") { end += 1 }
    return String(decoding: payload[start..<end], as: UTF8.self)
}

private func end(of name: StaticString, in payload: UnsafeRawBufferPointer) -> Int? {
    let length = name.utf8CodeUnitCount
    guard payload.count >= length else { return nil }
    let start = (0...payload.count - length).first { start in
        (0..<length).allSatisfy { payload[start + $0] == name.utf8Start[$0] }
    }
    return start.map { $0 + length }
}
