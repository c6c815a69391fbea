import ArgumentParser
import Wal
import WalPlatform

/// An error of the tool itself, with the exit code it leads to.
struct ToolError: Error {
    var message: String
    var exit: ExitCode

    static func cantRead(_ name: String, _ failure: ProcessStream.Failure) -> ToolError {
        ToolError(message: "can't read \(name): \(failure)", exit: Exit.code(of: failure))
    }
}

/// Runs a command's work; turns an error into one line on standard error and the exit code that belongs to it.
func reportingErrors(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let code as ExitCode {
        throw code
    } catch let error as ToolError {
        complain(error.message)
        throw error.exit
    } catch let error as WalError {
        complain(error.description)
        throw Exit.code(of: error)
    } catch let failure as ProcessStream.Failure {
        // Only writing throws this bare. Who reads our output has gone, as `head` does: nothing to complain about.
        if failure.isBrokenPipe { throw ExitCode.success }
        complain("can't write the output: \(failure)")
        throw Exit.io
    }
}

/// Writes one line to standard error.
func complain(_ message: String) {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    writeToStandardError("walctl: \(printable(line))\n")
}

/// Writes to standard error; if even that fails, there is nobody left to tell.
func writeToStandardError(_ text: String) {
    var text = text
    text.withUTF8 { try? ProcessStream.error.write(UnsafeRawBufferPointer($0)) }
}
