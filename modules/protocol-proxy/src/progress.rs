//! Changes of a document: its row first, then its event.

use opencity_contracts::DocumentEvent;
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, WriteScope};
use opencity_kernel::events::{Change, HandleError, NewEvent, Topic};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use crate::store::registration::{self, Registration};

/// Changes a document and tells it. The counter of changes goes on from the event that was taken.
///
/// # Errors
/// A conflict if somebody else changed it meanwhile.
pub(crate) fn change(
    scope: &mut WriteScope<'_>,
    mut row: Registration,
    edit: impl FnOnce(&mut DocumentEvent),
) -> Result<Registration, HandleError> {
    let read = row.version;
    let mut document: DocumentEvent = row.body.read()?;
    let from = document.status;
    edit(&mut document);
    let now = clock::now();
    document.updated_at = now.utc();
    row.version = read + 1;
    row.status = document.status.as_str().to_owned();
    row.number
        .clone_from(&document.registration_data.document_number);
    row.call_in_flight_until = document.call_in_flight_until.map(Instant::from_utc);
    row.updated_at = now;
    row.body = Json::of(&document)?;
    registration::update(scope, &row, read)?;
    let change = if from == document.status {
        Change::data()
    } else {
        Change::status(Some(from.as_str()), document.status.as_str())
    };
    let body = serde_json::to_value(&document).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Documents,
        document.remote_id,
        document.id,
        row.version,
        change,
        body,
    ))?;
    tracing::info!(id = %document.id, remote_id = %document.remote_id, status = %document.status, "registration");
    Ok(row)
}
