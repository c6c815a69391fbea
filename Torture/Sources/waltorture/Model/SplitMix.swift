/// A generator of numbers that follow from a seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64...) {
        state = seed.reduce(0) { mix(($0 ^ $1) &+ 0x9E37_79B9_7F4A_7C15) }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return mix(state)
    }

    mutating func chance(_ percent: UInt64) -> Bool { next() % 100 < percent }

    mutating func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + next() % (range.upperBound - range.lowerBound + 1)
    }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[Int(next() % UInt64(list.count))] }

    /// As often from 1 to 2 as from 2 to 4 or from 512 to 1024.
    mutating func pickByMagnitude(below bits: UInt64) -> UInt64 {
        let power = next() % bits
        return pick(1 << power...2 << power)
    }
}

private func mix(_ seed: UInt64) -> UInt64 {
    var value = seed
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
}

extension SplitMix {
    /// One seed of several numbers.
    static func mixed(_ seeds: UInt64...) -> UInt64 {
        // 63 bits, so that it can be typed where numbers are signed.
        seeds.reduce(1) { mix(($0 ^ $1) &+ 0x9E37_79B9_7F4A_7C15) } >> 1
    }
}
