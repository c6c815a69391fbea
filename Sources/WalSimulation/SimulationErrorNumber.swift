/// The error numbers the simulated disk throws.
enum SimulationErrorNumber {
    static let notFound: CInt = 2
    static let badDescriptor: CInt = 9
    static let wouldBlock: CInt = 11
    static let alreadyExists: CInt = 17
    static let notDirectory: CInt = 20
    static let isDirectory: CInt = 21
    static let invalidArgument: CInt = 22
    static let noSpace: CInt = 28
}
