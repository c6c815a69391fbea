@_exported public import WalSystemTypes
