//! Applications that another system works (*Pratica Lite*): kept and told, never decided on. No act, message or
//! payment of ours follows.

use opencity_kernel::db::{DbResult, WriteScope};
use opencity_kernel::events::Change;
use opencity_kernel::id::HistoryId;

use super::{Actor, emit};
use crate::aggregate::Aggregate;
use crate::body;
use crate::domain::Status;
use crate::store::application;
use crate::store::history::{self, HistoryRow};

/// Writes an application as its system tells it, with the history of a state entered and the event. `from` is the
/// state that it was in; none: it is new.
///
/// # Errors
/// [`DbError::Conflict`](opencity_kernel::db::DbError::Conflict) if somebody else changed it meanwhile.
pub fn keep(
    scope: &mut WriteScope<'_>,
    site: &str,
    aggregate: &mut Aggregate,
    actor: &Actor,
    from: Option<Status>,
) -> DbResult<()> {
    let read = aggregate.row.version;
    aggregate.row.version += 1;
    aggregate.row.set_details(&aggregate.details)?;
    match from {
        Some(_) => application::update(scope, &aggregate.row, read)?,
        None => application::insert(scope, &aggregate.row)?,
    }
    let state = aggregate.state()?;
    let change = if from == Some(state) {
        Change::data()
    } else {
        let id = HistoryId::new();
        history::add(scope, &entry(aggregate, actor, id))?;
        let from = from.map(|status| status.to_string());
        Change::status(from.as_deref(), &state.to_string()).with_history(id)
    };
    let row = &aggregate.row;
    let body = body::event(aggregate, site, row.updated_at, None)?;
    emit(scope, aggregate, row.version, change, body)
}

fn entry(aggregate: &Aggregate, actor: &Actor, id: HistoryId) -> HistoryRow {
    let row = &aggregate.row;
    HistoryRow {
        tenant_id: row.tenant_id,
        id,
        application_id: row.id,
        version: row.version,
        status: row.status,
        event: None,
        actor_id: actor.id,
        actor_name: actor.name.clone(),
        operator_id: None,
        office_id: None,
        message: None,
        message_id: None,
        at: row.status_changed_at,
    }
}
