//! Webhooks.

use diesel::prelude::*;
use opencity_kernel::db::{Boxed, Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{TenantId, WebhookId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::webhooks_webhook;

/// A webhook.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhooks_webhook)]
pub(crate) struct WebhookRow {
    pub tenant_id: TenantId,
    pub id: WebhookId,
    pub version: i64,
    pub title: String,
    pub endpoint: String,
    pub triggers: Json,
    pub filters: Json,
    /// Sealed JSON: a header may be a credential.
    pub headers: String,
    pub active: bool,
    pub body_version: i64,
    /// Sealed.
    pub secret: String,
    /// Sealed.
    pub earlier_secret: Option<String>,
    pub earlier_secret_until: Option<Instant>,
    /// When the target asked for no more (410).
    pub switched_off_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(WebhookRow);

pub(crate) fn insert(scope: &mut WriteScope<'_>, row: &WebhookRow) -> DbResult<()> {
    scope.insert(webhooks_webhook::table, row)
}

pub(crate) fn find(scope: &mut TenantScope<'_>, id: WebhookId) -> DbResult<Option<WebhookRow>> {
    scope.find(webhooks_webhook::table, |rows| {
        rows.filter(webhooks_webhook::id.eq(id))
            .select(WebhookRow::columns())
    })
}

/// Those that fire.
pub(crate) fn active(scope: &mut TenantScope<'_>) -> DbResult<Vec<WebhookRow>> {
    scope.load(webhooks_webhook::table, |rows| {
        rows.filter(webhooks_webhook::active.eq(true))
            .order(webhooks_webhook::id)
            .select(WebhookRow::columns())
    })
}

pub(crate) fn count(scope: &mut TenantScope<'_>) -> DbResult<i64> {
    Ok(scope
        .find(webhooks_webhook::table, |rows| rows.count())?
        .unwrap_or(0))
}

/// A page in the order of creation.
pub(crate) fn page(
    scope: &mut TenantScope<'_>,
    after: Option<WebhookId>,
    offset: i64,
    limit: i64,
    newest_first: bool,
) -> DbResult<Vec<WebhookRow>> {
    scope.load(webhooks_webhook::table, |rows| {
        let mut query = rows.into_boxed().limit(limit).offset(offset);
        if let Some(after) = after {
            query = if newest_first {
                query.filter(webhooks_webhook::id.lt(after))
            } else {
                query.filter(webhooks_webhook::id.gt(after))
            };
        }
        let query = if newest_first {
            query.order(webhooks_webhook::id.desc())
        } else {
            query.order(webhooks_webhook::id.asc())
        };
        Boxed(query.select(WebhookRow::columns()))
    })
}

/// Writes a changed webhook over the version that was read.
pub(crate) fn update(scope: &mut WriteScope<'_>, row: &WebhookRow) -> DbResult<()> {
    scope.execute_one(webhooks_webhook::table, |rows| {
        diesel::update(
            rows.filter(webhooks_webhook::id.eq(row.id))
                .filter(webhooks_webhook::version.eq(row.version)),
        )
        .set((
            webhooks_webhook::version.eq(row.version + 1),
            webhooks_webhook::title.eq(&row.title),
            webhooks_webhook::endpoint.eq(&row.endpoint),
            webhooks_webhook::triggers.eq(&row.triggers),
            webhooks_webhook::filters.eq(&row.filters),
            webhooks_webhook::headers.eq(&row.headers),
            webhooks_webhook::active.eq(row.active),
            webhooks_webhook::body_version.eq(row.body_version),
            webhooks_webhook::secret.eq(&row.secret),
            webhooks_webhook::earlier_secret.eq(&row.earlier_secret),
            webhooks_webhook::earlier_secret_until.eq(row.earlier_secret_until),
            webhooks_webhook::switched_off_at.eq(row.switched_off_at),
            webhooks_webhook::updated_at.eq(row.updated_at),
        ))
    })
}

/// The target asked for no more: the webhook is switched off, whatever else changed meanwhile.
pub(crate) fn switch_off(scope: &mut WriteScope<'_>, id: WebhookId, now: Instant) -> DbResult<()> {
    scope.execute(webhooks_webhook::table, |rows| {
        diesel::update(
            rows.filter(webhooks_webhook::id.eq(id))
                .filter(webhooks_webhook::active.eq(true)),
        )
        .set((
            webhooks_webhook::version.eq(webhooks_webhook::version + 1_i64),
            webhooks_webhook::active.eq(false),
            webhooks_webhook::switched_off_at.eq(Some(now)),
            webhooks_webhook::updated_at.eq(now),
        ))
    })?;
    Ok(())
}

/// Deletes; false if there was none.
pub(crate) fn delete(scope: &mut WriteScope<'_>, id: WebhookId) -> DbResult<bool> {
    let deleted = scope.execute(webhooks_webhook::table, |rows| {
        diesel::delete(rows.filter(webhooks_webhook::id.eq(id)))
    })?;
    Ok(deleted > 0)
}
