/// Sorts numbers digit by digit, which takes a fraction of the time that comparing them does: file systems list the names of a
/// directory in the order of their hashes, and a log may have tens of thousands.
func sortByDigits(_ numbers: inout [UInt64]) {
    guard numbers.count > 64 else { return numbers.sort() }
    // What all have in common needs no sorting; nor does what is sorted already.
    var varying: UInt64 = 0
    var isSorted = true
    for index in 1..<numbers.count {
        varying |= numbers[index] ^ numbers[0]
        if numbers[index - 1] > numbers[index] { isSorted = false }
    }
    if isSorted { return }
    let digitBits = 11
    let mask = UInt64(1 << digitBits - 1)
    var other = [UInt64](repeating: 0, count: numbers.count)
    for shift in stride(from: 0, to: UInt64.bitWidth, by: digitBits) where varying >> UInt64(shift) & mask != 0 {
        var places = [Int](repeating: 0, count: 1 << digitBits)
        for number in numbers { places[Int(number >> UInt64(shift) & mask)] += 1 }
        var sum = 0
        for digit in places.indices { (places[digit], sum) = (sum, sum + places[digit]) }
        for number in numbers {
            let digit = Int(number >> UInt64(shift) & mask)
            other[places[digit]] = number
            places[digit] += 1
        }
        swap(&numbers, &other)
    }
}

extension RandomAccessCollection {
    /// The first index whose element meets a condition that all behind it meet too, found by halves; the end if none does.
    func partitionPoint(_ condition: (Element) -> Bool) -> Index {
        var low = startIndex
        var count = self.count
        while count > 0 {
            let half = count / 2
            let middle = index(low, offsetBy: half)
            if condition(self[middle]) {
                count = half
            } else {
                low = index(after: middle)
                count -= half + 1
            }
        }
        return low
    }
}
