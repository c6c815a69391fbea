@_exported public import SegmentStore
@_exported public import WalPlatform
