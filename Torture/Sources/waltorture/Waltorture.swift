import Glibc

/// Runs one rig, or is one of the processes that a rig starts.
@main
enum Waltorture {
    static func main() {
        do {
            exit(try run(try Arguments(Array(CommandLine.arguments.dropFirst()))))
        } catch {
            complain("waltorture: \(error)")
            exit(64)
        }
    }

    private static func run(_ arguments: Arguments) throws -> CInt {
        switch arguments.command {
        case "life":
            return try Life(arguments).run(
                life: try arguments.number("life"), checkpoint: try arguments.number("checkpoint"))
        case "kill":
            var rig = try KillRig(arguments)
            return try rig.run()
        case "lossyfs":
            var rig = try LossyRig(arguments)
            return try rig.run()
        case "shutdown":
            var rig = try ShutdownRig(arguments)
            return try rig.run()
        case "replay":
            var rig = try ReplayRig(arguments)
            return try rig.run()
        case "full":
            var rig = try FullDiskRig(arguments)
            return try rig.run()
        case "limits":
            var rig = try LimitRig(arguments)
            return try rig.run()
        case "limited": return try LimitRig.runLimited(arguments)
        case "shrink":
            var rig = try ShrinkRig(arguments)
            return try rig.run()
        case "shrunk": return try ShrinkRig.runShrunk(arguments)
        default: throw Arguments.Misuse(description: "there is no rig \(arguments.command)")
        }
    }
}
