import SegmentStore

/// Whether a call throws an error of this code.
func refuses(_ code: WalError.Code, _ body: () throws -> Void) -> Bool {
    do { try body() } catch { return (error as? WalError)?.code == code }
    return false
}
