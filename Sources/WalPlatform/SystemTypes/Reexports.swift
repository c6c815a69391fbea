// `FilePath` and `Errno` come from the system on Apple's platforms and from the swift-system package elsewhere; the
// layers above import this module and need no condition of their own.
#if canImport(System)
@_exported public import System
#else
@_exported public import SystemPackage
#endif
