/// JSON-like events that differ as those of a service do: most of the text is the same, numbers and identifiers are not.
struct VariedPayload {
    let size: Int
    private var state: UInt64 = 42

    init(size: Int) { self.size = size }

    private mutating func random() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }

    mutating func next(_ number: Int) -> [UInt8] {
        let kinds = ["order.placed", "order.paid", "order.shipped", "cart.changed"]
        var text =
            #"{"id":"\#(String(random(), radix: 16))","type":"\#(kinds[Int(random() % 4)])","customer":\#(random() % 100_000),"#
        text +=
            #""item":"SKU-\#(random() % 20_000)","quantity":\#(random() % 9 + 1),"cents":\#(random() % 200_000),"at":\#(1_700_000_000_000 + number * 3)"#
        var bytes = Array(text.utf8)
        while bytes.count < size {
            bytes += Array(#","currency":"EUR","country":"DE","channel":"web","note":"","vip":false"#.utf8)
        }
        return Array(bytes.prefix(size))
    }
}
