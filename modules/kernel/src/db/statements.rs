//! The statement log of tests (feature `faults`): the black-box suite reads every statement that
//! was executed and looks for one that names no tenant.

use super::connection::AnyConnection;

/// Nothing, without the feature.
#[cfg(not(feature = "faults"))]
pub(super) fn observe(_connection: &mut AnyConnection) {}

/// Appends the text of each statement (never its values) to the file that
/// `OPENCITY_STATEMENT_LOG` names.
#[cfg(feature = "faults")]
pub(super) fn observe(connection: &mut AnyConnection) {
    use diesel::connection::{Connection, InstrumentationEvent};
    use std::io::Write;
    use std::sync::{LazyLock, Mutex};

    static LOG: LazyLock<Option<Mutex<std::fs::File>>> = LazyLock::new(|| {
        let path = std::env::var_os("OPENCITY_STATEMENT_LOG")?;
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .ok()
            .map(Mutex::new)
    });
    if LOG.is_none() {
        return;
    }
    connection.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && let Some(log) = LOG.as_ref()
            && let Ok(mut log) = log.lock()
        {
            let text = query.to_string();
            let statement = text.split(" -- binds:").next().unwrap_or_default();
            let _ = writeln!(log, "{}", statement.replace('\n', " "));
        }
    });
}
