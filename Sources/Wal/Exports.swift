@_exported public import SegmentStore
// `FilePath` and `Errno` alone: the platform's locks and threads are nobody else's business.
@_exported public import WalSystemTypes
