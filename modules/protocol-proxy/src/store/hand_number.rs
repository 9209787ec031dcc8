//! The present acts of an application, and the numbers that were given to acts by hand.

use diesel::prelude::*;
use opencity_contracts::DocumentType;
use opencity_kernel::clock;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ActId, ApplicationId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::{protocol_proxy_act, protocol_proxy_hand_number};
use crate::domain::numbers::Numbered;

#[derive(Insertable)]
#[diesel(table_name = protocol_proxy_act)]
struct NewAct {
    tenant_id: TenantId,
    application_id: ApplicationId,
    kind: &'static str,
    act_id: ActId,
}
opencity_kernel::tenant_rows!(NewAct);

/// An application's present act of this kind is this one.
pub(crate) fn set_act(
    scope: &mut WriteScope<'_>,
    application: ApplicationId,
    kind: DocumentType,
    act: ActId,
) -> DbResult<()> {
    let touched = scope.execute(protocol_proxy_act::table, |rows| {
        diesel::update(
            rows.filter(protocol_proxy_act::application_id.eq(application))
                .filter(protocol_proxy_act::kind.eq(kind.as_str())),
        )
        .set(protocol_proxy_act::act_id.eq(act))
    })?;
    if touched > 0 {
        return Ok(());
    }
    let row = NewAct {
        tenant_id: scope.tenant_id(),
        application_id: application,
        kind: kind.as_str(),
        act_id: act,
    };
    scope.insert(protocol_proxy_act::table, &row)
}

pub(crate) fn act(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    kind: DocumentType,
) -> DbResult<Option<ActId>> {
    scope.find(protocol_proxy_act::table, |rows| {
        rows.filter(protocol_proxy_act::application_id.eq(application))
            .filter(protocol_proxy_act::kind.eq(kind.as_str()))
            .select(protocol_proxy_act::act_id)
    })
}

#[derive(Insertable)]
#[diesel(table_name = protocol_proxy_hand_number)]
struct NewNumber {
    tenant_id: TenantId,
    act_id: ActId,
    number: String,
    details: Json,
    created_at: Instant,
}
opencity_kernel::tenant_rows!(NewNumber);

/// Keeps a number; whether it is a new one.
pub(crate) fn keep(scope: &mut WriteScope<'_>, act: ActId, numbered: &Numbered) -> DbResult<bool> {
    let row = NewNumber {
        tenant_id: scope.tenant_id(),
        act_id: act,
        number: numbered.number.clone(),
        details: Json::of(numbered)?,
        created_at: clock::now(),
    };
    scope.insert_if_absent(protocol_proxy_hand_number::table, &row)
}

/// The first number that was given to an act by hand.
pub(crate) fn first(scope: &mut TenantScope<'_>, act: ActId) -> DbResult<Option<Numbered>> {
    let found: Option<Json> = scope.find(protocol_proxy_hand_number::table, |rows| {
        rows.filter(protocol_proxy_hand_number::act_id.eq(act))
            .order((
                protocol_proxy_hand_number::created_at,
                protocol_proxy_hand_number::number,
            ))
            .select(protocol_proxy_hand_number::details)
    })?;
    found.map(|details| details.read()).transpose()
}
