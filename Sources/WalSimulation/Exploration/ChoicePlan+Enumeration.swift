extension ChoicePlan {
    /// Counts up; returns the most significant point that changed, nil after the last vector.
    func advance(_ vector: inout [Int]) -> Int? {
        var index = vector.count - 1
        while index >= 0 {
            if vector[index] + 1 < points[index].radix {
                vector[index] += 1
                return index
            }
            vector[index] = 0
            index -= 1
        }
        return nil
    }

    /// The disk of any vector, which becomes the canonical one of that disk.
    func settledImage(_ vector: inout [Int]) -> DiskModel {
        _ = canonicalizeNames(&vector)
        let names = named(vector)
        _ = canonicalizeFiles(&vector, named: names)
        return image(vector, named: names)
    }
}
