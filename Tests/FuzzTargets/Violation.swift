/// A promise that an input broke.
package struct Violation: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// Throws the violation unless the promise holds.
    static func unless(_ holds: Bool, _ description: @autoclosure () -> String) throws(Violation) {
        if !holds { throw Violation(description()) }
    }
}
