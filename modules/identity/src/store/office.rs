//! Offices: rows, and the events that tell of them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use opencity_contracts::Topic;
use opencity_contracts::user_group::ContactPoint;
use opencity_kernel::db::{
    Boxed, Columns, Database, DbError, DbResult, Tenancy, TenantScope, WriteScope,
};
use opencity_kernel::events::{Change, NewEvent};
use opencity_kernel::id::{Id, OfficeId, TenantId, UserId, kind};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, ProblemKind};

use super::schema::{identity_membership, identity_office, identity_user};
use super::{assigned, service};
use crate::domain::Office;

/// Ids of things that other modules own: a category, a place, a calendar.
type OtherId = Id<kind::Term>;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = identity_office, primary_key(tenant_id, id), treat_none_as_null = true)]
struct Row {
    tenant_id: TenantId,
    id: OfficeId,
    name: String,
    topic_id: Option<OtherId>,
    short_description: Option<String>,
    main_function: Option<String>,
    more_info: Option<String>,
    manager_id: Option<UserId>,
    contact_point: Option<Json>,
    location_id: Option<OtherId>,
    calendar_id: Option<OtherId>,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}
opencity_kernel::tenant_rows!(Row);

impl Row {
    fn of(tenant_id: TenantId, office: &Office) -> DbResult<Self> {
        let office = office.clone();
        Ok(Self {
            tenant_id,
            id: office.id,
            name: office.name,
            topic_id: office.topic_id.map(Id::from_uuid),
            short_description: office.short_description,
            main_function: office.main_function,
            more_info: office.more_info,
            manager_id: office.manager_id,
            contact_point: office.contact_point.as_ref().map(Json::of).transpose()?,
            location_id: office.location_id.map(Id::from_uuid),
            calendar_id: office.calendar_id.map(Id::from_uuid),
            version: office.version,
            created_at: office.created_at,
            updated_at: office.updated_at,
        })
    }

    fn read(self) -> DbResult<Office> {
        Ok(Office {
            id: self.id,
            name: self.name,
            topic_id: self.topic_id.map(Id::uuid),
            short_description: self.short_description,
            main_function: self.main_function,
            more_info: self.more_info,
            manager_id: self.manager_id,
            contact_point: self
                .contact_point
                .map(|json| json.read::<ContactPoint>())
                .transpose()?,
            location_id: self.location_id.map(Id::uuid),
            calendar_id: self.calendar_id.map(Id::uuid),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// An office.
pub(crate) fn find(scope: &mut TenantScope<'_>, id: OfficeId) -> DbResult<Option<Office>> {
    let row: Option<Row> = scope.find(identity_office::table, |rows| {
        rows.filter(identity_office::id.eq(id))
            .select(Row::columns())
    })?;
    row.map(Row::read).transpose()
}

/// The offices of the body by name.
pub(crate) fn list(
    scope: &mut TenantScope<'_>,
    has_calendar: Option<bool>,
) -> DbResult<Vec<Office>> {
    let rows: Vec<Row> = scope.load(identity_office::table, |rows| {
        let mut rows = rows.into_boxed();
        match has_calendar {
            Some(true) => rows = rows.filter(identity_office::calendar_id.is_not_null()),
            Some(false) => rows = rows.filter(identity_office::calendar_id.is_null()),
            None => {}
        }
        Boxed(
            rows.order((identity_office::name, identity_office::id))
                .select(Row::columns()),
        )
    })?;
    rows.into_iter().map(Row::read).collect()
}

/// How many members each office has; one without is not named.
pub(crate) fn member_counts(scope: &mut TenantScope<'_>) -> DbResult<BTreeMap<OfficeId, u64>> {
    let rows: Vec<OfficeId> = scope.load(identity_membership::table, |rows| {
        rows.select(identity_membership::office_id)
    })?;
    Ok(counted(rows))
}

/// How often each office is named.
pub(crate) fn counted(offices: impl IntoIterator<Item = OfficeId>) -> BTreeMap<OfficeId, u64> {
    let mut counts = BTreeMap::new();
    for office in offices {
        *counts.entry(office).or_insert(0) += 1;
    }
    counts
}

/// Writes a new office and tells so.
pub(crate) fn insert(scope: &mut WriteScope<'_>, office: &Office) -> Result<(), Problem> {
    known_manager(scope, office)?;
    let row = Row::of(scope.tenant_id(), office)?;
    scope.insert(identity_office::table, &row)?;
    Ok(emit(scope, office, Change::created())?)
}

/// Writes what became of an office and tells so.
pub(crate) fn update(
    scope: &mut WriteScope<'_>,
    before: &Office,
    after: Office,
) -> Result<(), Problem> {
    if before.manager_id != after.manager_id {
        known_manager(scope, &after)?;
    }
    let after = Office {
        version: before.version + 1,
        ..after
    };
    let row = Row::of(scope.tenant_id(), &after)?;
    scope.execute_one(identity_office::table, |rows| {
        diesel::update(
            rows.filter(identity_office::id.eq(before.id))
                .filter(identity_office::version.eq(before.version)),
        )
        .set(&row)
    })?;
    Ok(emit(scope, &after, Change::data())?)
}

/// Takes an office away that has neither members nor services nor open applications any more, and tells so.
pub(crate) fn delete(scope: &mut WriteScope<'_>, office: &Office) -> Result<(), Problem> {
    scope.execute_one(identity_office::table, |rows| {
        diesel::delete(
            rows.filter(identity_office::id.eq(office.id))
                .filter(identity_office::version.eq(office.version)),
        )
    })?;
    let members: Option<UserId> = scope.find(identity_membership::table, |rows| {
        rows.filter(identity_membership::office_id.eq(office.id))
            .select(identity_membership::user_id)
            .limit(1)
    })?;
    if members.is_some() {
        return Err(in_use(
            "The office still has members. Take them out of it first.",
        ));
    }
    for service in service::links(scope)? {
        if service.offices.contains(&office.id) || service.rule_offices.contains(&office.id) {
            return Err(in_use(
                "Services are still linked to the office, or assign applications to it. Change them first.",
            ));
        }
    }
    if assigned::any(scope, office.id)? {
        return Err(in_use(
            "Open applications are assigned to the office. Assign them to another one first.",
        ));
    }
    let gone = Office {
        version: office.version + 1,
        ..office.clone()
    };
    Ok(emit(scope, &gone, Change::deleted())?)
}

pub(super) fn in_use(message: &str) -> Problem {
    Problem::new(ProblemKind::StillInUse, message)
}

/// Tells the present state of every office once more.
pub(crate) async fn republish(db: &Database) -> DbResult<u64> {
    let all: Vec<(TenantId, OfficeId)> = db
        .read_across("the present state of every office", |platform| {
            platform.load(
                identity_office::table
                    .order((identity_office::tenant_id, identity_office::id))
                    .select((identity_office::tenant_id, identity_office::id)),
            )
        })
        .await?;
    let mut count = 0;
    for (tenant, id) in all {
        let written = db
            .write(Tenancy::from_row(tenant), move |scope| {
                match find(scope, id)? {
                    Some(office) => {
                        emit(scope, &office, Change::republished())?;
                        Ok::<_, DbError>(true)
                    }
                    None => Ok(false),
                }
            })
            .await?;
        count += u64::from(written);
    }
    Ok(count)
}

fn known_manager(scope: &mut WriteScope<'_>, office: &Office) -> Result<(), Problem> {
    let Some(manager) = office.manager_id else {
        return Ok(());
    };
    let known: Option<UserId> = scope.find(identity_user::table, |rows| {
        rows.filter(identity_user::id.eq(manager))
            .filter(identity_user::kind.ne("user"))
            .select(identity_user::id)
    })?;
    if known.is_some() {
        Ok(())
    } else {
        Err(Problem::unknown_reference("manager_id", "operator"))
    }
}

fn emit(scope: &mut WriteScope<'_>, office: &Office, change: Change) -> DbResult<()> {
    let count = member_counts(scope)?
        .get(&office.id)
        .copied()
        .unwrap_or_default();
    let body = serde_json::to_value(office.to_event(count)).map_err(DbError::json)?;
    let key = scope.tenant_id();
    scope.emit(NewEvent::new(
        Topic::UserGroups,
        key,
        office.id,
        office.version,
        change,
        body,
    ))?;
    Ok(())
}
