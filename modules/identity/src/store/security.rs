//! The security log: an event of its own for each fact. It names users by id alone.

use opencity_contracts::security::{SecurityEvent, SecurityEventType};
use opencity_contracts::{Payload as _, Topic};
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, DbResult, WriteScope};
use opencity_kernel::events::{Change, NewEvent};
use opencity_kernel::id::UserId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::domain::User;

/// Writes a fact.
pub(crate) fn tell(scope: &mut WriteScope<'_>, fact: SecurityEvent) -> DbResult<()> {
    let fact = SecurityEvent {
        id: Uuid::now_v7(),
        occurred_at: clock::now().utc(),
        ..fact
    };
    let key = fact.key(scope.tenant_id().uuid());
    let body = serde_json::to_value(&fact).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Security,
        key,
        fact.id,
        1,
        Change::created(),
        body,
    ))?;
    Ok(())
}

/// Somebody's rights changed, were given or taken away.
pub(crate) fn rights_changed(
    scope: &mut WriteScope<'_>,
    actor: Option<UserId>,
    before: Option<&User>,
    after: Option<&User>,
) -> DbResult<()> {
    let Some(user) = after.or(before) else {
        return Ok(());
    };
    let mut details = Map::new();
    details.insert("before".to_owned(), before.map_or(Value::Null, rights));
    details.insert("after".to_owned(), after.map_or(Value::Null, rights));
    tell(
        scope,
        SecurityEvent {
            kind: SecurityEventType::RightsChanged,
            user_id: Some(user.id.uuid()),
            actor_id: actor.map(UserId::uuid),
            details,
            ..SecurityEvent::default()
        },
    )
}

/// A password was set.
pub(crate) fn credential_changed(
    scope: &mut WriteScope<'_>,
    actor: Option<UserId>,
    user: UserId,
) -> DbResult<()> {
    tell(
        scope,
        SecurityEvent {
            kind: SecurityEventType::CredentialChanged,
            user_id: Some(user.uuid()),
            actor_id: actor.map(UserId::uuid),
            method: Some("password".to_owned()),
            ..SecurityEvent::default()
        },
    )
}

fn rights(user: &User) -> Value {
    json!({
        "role": user.kind.word(),
        "enabled": user.enabled,
        "system_user": user.system_user,
        "enabled_services_ids": user.enabled_services,
        "user_groups_ids": user.offices,
    })
}
