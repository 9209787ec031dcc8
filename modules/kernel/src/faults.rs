//! Points at which a test ends the process as `kill -9` would (feature `faults`). They sit in
//! the kernel's one commit and its one HTTP client, so that none can be forgotten.

/// Where the process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A transaction's work is done, its commit is not.
    BeforeCommit,
    /// A transaction is durable, nobody has been told.
    AfterCommit,
    /// A request to an outside system is about to go out.
    OutgoingCall,
    /// The outside system has answered, nobody has read it.
    OutgoingAnswer,
}

/// Passes a point. Without the feature `faults` this is nothing.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_point: Point) {}

/// Passes a point: counts it, and ends the process there when `OPENCITY_FAULT_AT` names its
/// number (counted from 1 over all points). `OPENCITY_FAULT_LOG` names a file to which each
/// point passed is appended as a line.
#[cfg(feature = "faults")]
pub fn point(point: Point) {
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::Mutex;

    struct Faults {
        at: Option<u64>,
        log: Option<std::fs::File>,
        passed: u64,
    }
    static FAULTS: LazyLock<Mutex<Faults>> = LazyLock::new(|| {
        let at = std::env::var("OPENCITY_FAULT_AT")
            .ok()
            .and_then(|text| text.parse().ok());
        let log = std::env::var_os("OPENCITY_FAULT_LOG").and_then(|path| {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .ok()
        });
        Mutex::new(Faults { at, log, passed: 0 })
    });

    let Ok(mut faults) = FAULTS.lock() else {
        return;
    };
    faults.passed += 1;
    let passed = faults.passed;
    if let Some(log) = &mut faults.log {
        let _ = writeln!(log, "{passed} {point:?}");
    }
    if faults.at == Some(passed) {
        std::process::abort();
    }
}
