//! Fault points: where a test may stop the process to prove that nothing is lost or doubled.

/// The instants at which a process may die with an effect half done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The transaction is about to be committed.
    BeforeCommit,
    /// The transaction has been committed.
    AfterCommit,
    /// A request is about to leave for an outside system.
    OutgoingCall,
    /// The outside system has answered, or the call has failed.
    OutgoingAnswer,
}

/// Passes a fault point.
pub fn point(_point: Point) {}
