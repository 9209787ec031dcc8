//! What the module knows of other modules' things, from their events: the newest version wins.

use std::collections::BTreeSet;

use diesel::prelude::*;
use opencity_contracts::{Application, Form, Message, Service};
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{
    ApplicationId, FormId, MessageId, OfficeId, ServiceId, TenantId, UserId,
};
use opencity_kernel::json::Json;

use super::schema::{documents_application, documents_form, documents_message, documents_service};

/// Who works an application: for the rights on its documents.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents_application, treat_none_as_null = true)]
pub(crate) struct ApplicationRow {
    pub tenant_id: TenantId,
    pub id: ApplicationId,
    pub version: i64,
    pub service_id: ServiceId,
    pub office_id: Option<OfficeId>,
    pub operator_id: Option<UserId>,
}
opencity_kernel::tenant_rows!(ApplicationRow);

pub(crate) fn take_application(
    scope: &mut WriteScope<'_>,
    application: &Application,
    version: i64,
) -> DbResult<()> {
    let row = ApplicationRow {
        tenant_id: scope.tenant_id(),
        id: application.id.into(),
        version,
        service_id: application.service_id.into(),
        office_id: application.user_group_id.map(Into::into),
        operator_id: application.operator_id.map(Into::into),
    };
    match self::application(scope, row.id)? {
        Some(known) if known.version > version => Ok(()),
        Some(_) => scope.execute_one(documents_application::table, |rows| {
            diesel::update(rows.filter(documents_application::id.eq(row.id))).set(&row)
        }),
        None => scope.insert(documents_application::table, &row),
    }
}

pub(crate) fn application(
    scope: &mut TenantScope<'_>,
    id: ApplicationId,
) -> DbResult<Option<ApplicationRow>> {
    scope.find(documents_application::table, |rows| {
        rows.filter(documents_application::id.eq(id))
            .select(ApplicationRow::columns())
    })
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents_service)]
struct ServiceRow {
    tenant_id: TenantId,
    id: ServiceId,
    version: i64,
    name: String,
    offices: Json,
}
opencity_kernel::tenant_rows!(ServiceRow);

pub(crate) fn take_service(
    scope: &mut WriteScope<'_>,
    service: &Service,
    version: i64,
) -> DbResult<()> {
    let row = ServiceRow {
        tenant_id: scope.tenant_id(),
        id: service.id.into(),
        version,
        name: service.name.clone(),
        offices: Json::of(&service.user_group_ids)?,
    };
    let known: Option<i64> = scope.find(documents_service::table, |rows| {
        rows.filter(documents_service::id.eq(row.id))
            .select(documents_service::version)
    })?;
    match known {
        Some(known) if known > version => Ok(()),
        Some(_) => scope.execute_one(documents_service::table, |rows| {
            diesel::update(rows.filter(documents_service::id.eq(row.id))).set(&row)
        }),
        None => scope.insert(documents_service::table, &row),
    }
}

pub(crate) fn service_name(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<String>> {
    scope.find(documents_service::table, |rows| {
        rows.filter(documents_service::id.eq(id))
            .select(documents_service::name)
    })
}

/// Those of these services that are known.
pub(crate) fn known_services(
    scope: &mut TenantScope<'_>,
    services: &[ServiceId],
) -> DbResult<BTreeSet<ServiceId>> {
    let known: Vec<ServiceId> = scope.load(documents_service::table, |rows| {
        rows.filter(documents_service::id.eq_any(services.to_vec()))
            .select(documents_service::id)
    })?;
    Ok(known.into_iter().collect())
}

/// The services that are linked to one of these offices.
pub(crate) fn services_of_offices(
    scope: &mut TenantScope<'_>,
    offices: &BTreeSet<OfficeId>,
) -> DbResult<Vec<ServiceId>> {
    if offices.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(ServiceId, Json)> = scope.load(documents_service::table, |rows| {
        rows.select((documents_service::id, documents_service::offices))
    })?;
    let mut linked = Vec::new();
    for (id, of_service) in rows {
        let of_service: BTreeSet<OfficeId> = of_service.read()?;
        if !of_service.is_disjoint(offices) {
            linked.push(id);
        }
    }
    Ok(linked)
}

#[derive(Insertable)]
#[diesel(table_name = documents_form)]
struct NewForm {
    tenant_id: TenantId,
    id: FormId,
    form_version: i64,
    form_schema: Json,
    translations: Json,
}
opencity_kernel::tenant_rows!(NewForm);

/// A version of a form never changes, so the first event of it is as good as any.
pub(crate) fn take_form(scope: &mut WriteScope<'_>, form: &Form) -> DbResult<()> {
    let row = NewForm {
        tenant_id: scope.tenant_id(),
        id: form.id.into(),
        form_version: form.version.into(),
        form_schema: Json::of(&form.schema)?,
        translations: Json::of(&form.translations)?,
    };
    scope.insert_if_absent(documents_form::table, &row)?;
    Ok(())
}

/// Schema and translations of a version of a form.
pub(crate) fn form(
    scope: &mut TenantScope<'_>,
    id: FormId,
    version: u32,
) -> DbResult<Option<(Json, Json)>> {
    scope.find(documents_form::table, |rows| {
        rows.filter(documents_form::id.eq(id))
            .filter(documents_form::form_version.eq(i64::from(version)))
            .select((documents_form::form_schema, documents_form::translations))
    })
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = documents_message)]
struct MessageRow {
    tenant_id: TenantId,
    id: MessageId,
    version: i64,
    application_id: ApplicationId,
    body: Json,
}
opencity_kernel::tenant_rows!(MessageRow);

pub(crate) fn take_message(
    scope: &mut WriteScope<'_>,
    message: &Message,
    version: i64,
) -> DbResult<()> {
    let row = MessageRow {
        tenant_id: scope.tenant_id(),
        id: message.id.into(),
        version,
        application_id: message.related_entity_id.into(),
        body: Json::of(message)?,
    };
    let known: Option<i64> = scope.find(documents_message::table, |rows| {
        rows.filter(documents_message::id.eq(row.id))
            .select(documents_message::version)
    })?;
    match known {
        Some(known) if known > version => Ok(()),
        Some(_) => scope.execute_one(documents_message::table, |rows| {
            diesel::update(rows.filter(documents_message::id.eq(row.id))).set(&row)
        }),
        None => scope.insert(documents_message::table, &row),
    }
}

/// These messages, in the order asked for; `None` if one is not here yet.
pub(crate) fn messages(
    scope: &mut TenantScope<'_>,
    ids: &[MessageId],
) -> DbResult<Option<Vec<Message>>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let body: Option<Json> = scope.find(documents_message::table, |rows| {
            rows.filter(documents_message::id.eq(*id))
                .select(documents_message::body)
        })?;
        match body {
            Some(body) => found.push(body.read()?),
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}
