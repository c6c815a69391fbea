/// What a program was started with.
package enum ProgramArguments {
    /// The bytes of each argument, the program's name first.
    package static var all: [[UInt8]] {
        let vector = CommandLine.unsafeArgv
        return (0..<Int(CommandLine.argc)).map { index in
            guard var next = vector[index] else { return [] }
            var bytes: [UInt8] = []
            while next.pointee != 0 {
                bytes.append(UInt8(bitPattern: next.pointee))
                next += 1
            }
            return bytes
        }
    }
}
