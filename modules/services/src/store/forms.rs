//! Forms and their versions. A version never changes; each is told once, with its nested forms inside.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use opencity_contracts::Form as FormBody;
use opencity_kernel::db::{Boxed, Columns, DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{FormId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, clock, tenant_rows};
use serde_json::{Map, Value};

use super::schema::{
    services_form as t, services_form_nesting as nesting, services_form_version as v,
};
use super::{counter, in_use, services, taken_already};
use crate::domain::form::{FormSource, Nested, ResolvedForm};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = t)]
struct FormRow {
    tenant_id: TenantId,
    id: FormId,
    title: Option<String>,
    path: Option<String>,
    version: i64,
    created_at: Instant,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = v)]
struct VersionRow {
    tenant_id: TenantId,
    form_id: FormId,
    version: i64,
    source: String,
    resolved: String,
    own_translations: Json,
    translations: Json,
    created_at: Instant,
}

#[derive(Insertable)]
#[diesel(table_name = nesting)]
struct NestingRow {
    tenant_id: TenantId,
    form_id: FormId,
    nested_id: FormId,
}
tenant_rows!(FormRow, VersionRow, NestingRow);

/// A form, without its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormSummary {
    /// The form.
    pub id: FormId,
    /// Its name.
    pub title: Option<String>,
    /// Its path.
    pub path: Option<String>,
    /// Its newest version.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
}

/// A version of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredForm {
    /// The form.
    pub id: FormId,
    /// The version, from 1: also the form's counter of changes.
    pub version: i64,
    /// As its author wrote it.
    pub source: FormSource,
    /// With the nested forms inside.
    pub resolved: ResolvedForm,
    /// When the form was made.
    pub created_at: Instant,
    /// When this version was.
    pub updated_at: Instant,
}

/// Whether there is a form of this id.
///
/// # Errors
/// If the database refuses.
pub fn exists(scope: &mut TenantScope<'_>, id: FormId) -> DbResult<bool> {
    let found: Option<FormId> =
        scope.find(t::table, |rows| rows.filter(t::id.eq(id)).select(t::id))?;
    Ok(found.is_some())
}

/// The number of forms, and a page of them by id: after `cursor`, or from `offset` on. One more than `limit` is
/// given if there are more.
///
/// # Errors
/// If the database refuses.
pub fn page(
    scope: &mut TenantScope<'_>,
    cursor: Option<FormId>,
    offset: i64,
    limit: i64,
) -> DbResult<(i64, Vec<FormSummary>)> {
    let counts: Vec<i64> = scope.load(t::table, |rows| rows.count())?;
    let rows: Vec<FormRow> = scope.load(t::table, |rows| {
        let rows = rows
            .order(t::id)
            .limit(limit + 1)
            .select(FormRow::columns())
            .into_boxed();
        Boxed(match cursor {
            Some(last) => rows.filter(t::id.gt(last)),
            None => rows.offset(offset),
        })
    })?;
    let summary = |row: FormRow| {
        let FormRow {
            id,
            title,
            path,
            version,
            created_at,
            ..
        } = row;
        FormSummary {
            id,
            title,
            path,
            version,
            created_at,
        }
    };
    Ok((
        counts.into_iter().next().unwrap_or_default(),
        rows.into_iter().map(summary).collect(),
    ))
}

/// The newest version of the form of this id.
///
/// # Errors
/// If the database refuses.
pub fn by_id(scope: &mut TenantScope<'_>, id: FormId) -> DbResult<Option<StoredForm>> {
    let row: Option<FormRow> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(FormRow::columns())
    })?;
    newest(scope, row)
}

/// The newest version of the form of this path.
///
/// # Errors
/// If the database refuses.
pub fn by_path(scope: &mut TenantScope<'_>, path: &str) -> DbResult<Option<StoredForm>> {
    let path = path.trim_matches('/');
    let row: Option<FormRow> = scope.find(t::table, |rows| {
        rows.filter(t::path.eq(path)).select(FormRow::columns())
    })?;
    newest(scope, row)
}

/// A version of a form.
///
/// # Errors
/// If the database refuses.
pub fn version(
    scope: &mut TenantScope<'_>,
    id: FormId,
    number: i64,
) -> DbResult<Option<StoredForm>> {
    let row: Option<FormRow> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(FormRow::columns())
    })?;
    let Some(form) = row else { return Ok(None) };
    let row: Option<VersionRow> = scope.find(v::table, |rows| {
        rows.filter(v::form_id.eq(id))
            .filter(v::version.eq(number))
            .select(VersionRow::columns())
    })?;
    row.map(|row| read(&form, row)).transpose()
}

fn newest(scope: &mut TenantScope<'_>, row: Option<FormRow>) -> DbResult<Option<StoredForm>> {
    let Some(form) = row else { return Ok(None) };
    let row: VersionRow = scope.get(v::table, |rows| {
        rows.filter(v::form_id.eq(form.id))
            .filter(v::version.eq(form.version))
            .select(VersionRow::columns())
    })?;
    read(&form, row).map(Some)
}

fn read(form: &FormRow, row: VersionRow) -> DbResult<StoredForm> {
    let schema =
        |text: &str| serde_json::from_str::<Map<String, Value>>(text).map_err(DbError::json);
    Ok(StoredForm {
        id: form.id,
        version: row.version,
        source: FormSource {
            schema: schema(&row.source)?,
            translations: row.own_translations.read()?,
        },
        resolved: ResolvedForm {
            schema: schema(&row.resolved)?,
            translations: row.translations.read()?,
        },
        created_at: form.created_at,
        updated_at: row.created_at,
    })
}

/// Adds a form.
///
/// # Errors
/// A nested form that is unknown, a path that is taken, or the database's.
pub fn create(
    scope: &mut WriteScope<'_>,
    id: FormId,
    source: FormSource,
) -> Result<StoredForm, Problem> {
    free_path(scope, id, &source)?;
    let nested = source.nested()?;
    let resolved = resolve(scope, &source, &nested)?;
    let now = clock::now();
    let form = StoredForm {
        id,
        version: 1,
        source,
        resolved,
        created_at: now,
        updated_at: now,
    };
    let row = FormRow {
        tenant_id: scope.tenant_id(),
        id,
        title: form.source.title().map(str::to_owned),
        path: form.source.path().map(str::to_owned),
        version: 1,
        created_at: now,
    };
    scope.insert(t::table, &row)?;
    add_version(scope, &form, &nested, Change::created())?;
    Ok(form)
}

/// Gives a form a new version, and the forms that nest it too; nothing happens if it is the same.
///
/// # Errors
/// As [`create`]; a form that would nest itself; or somebody else changed it meanwhile.
pub fn change(
    scope: &mut WriteScope<'_>,
    form: StoredForm,
    source: FormSource,
) -> Result<(), Problem> {
    free_path(scope, form.id, &source)?;
    let nested = source.nested()?;
    if reaches(scope, &nested, form.id)? {
        return Err(Problem::field(
            "components",
            "cycle",
            "A form cannot nest itself, nor a form that nests it.",
        ));
    }
    let resolved = resolve(scope, &source, &nested)?;
    if source == form.source && resolved == form.resolved {
        return Ok(());
    }
    let read = form.version;
    let form = StoredForm {
        version: read + 1,
        source,
        resolved,
        updated_at: clock::now(),
        ..form
    };
    scope.execute_one(t::table, |rows| {
        diesel::update(rows.filter(t::id.eq(form.id)).filter(t::version.eq(read))).set((
            t::title.eq(form.source.title().map(str::to_owned)),
            t::path.eq(form.source.path().map(str::to_owned)),
            t::version.eq(form.version),
        ))
    })?;
    add_version(scope, &form, &nested, Change::data())?;
    for parent in parents(scope, form.id)? {
        if let Some(parent) = by_id(scope, parent)? {
            let source = parent.source.clone();
            change(scope, parent, source)?;
        }
    }
    Ok(())
}

/// Removes a form that nothing uses, with all its versions.
///
/// # Errors
/// [`ProblemKind::StillInUse`](opencity_kernel::ProblemKind::StillInUse), or the database's.
pub fn delete(scope: &mut WriteScope<'_>, form: &StoredForm) -> Result<(), Problem> {
    if services::any(scope, |service| {
        service.forms().any(|(_, used)| used == form.id)
    })? {
        return Err(in_use("services"));
    }
    if !parents(scope, form.id)?.is_empty() {
        return Err(in_use("other forms"));
    }
    scope.execute(nesting::table, |rows| {
        diesel::delete(rows.filter(nesting::form_id.eq(form.id)))
    })?;
    scope.execute(v::table, |rows| {
        diesel::delete(rows.filter(v::form_id.eq(form.id)))
    })?;
    scope.execute_one(t::table, |rows| {
        diesel::delete(
            rows.filter(t::id.eq(form.id))
                .filter(t::version.eq(form.version)),
        )
    })?;
    tell(scope, form, form.version + 1, Change::deleted())
}

/// Tells all versions of a form again, oldest first; the number of events.
///
/// # Errors
/// If the database refuses.
pub fn republish(scope: &mut WriteScope<'_>, id: FormId) -> Result<u64, Problem> {
    let Some(newest) = by_id(scope, id)? else {
        return Ok(0);
    };
    // Takes the row's lock, so that the events stand in their place among those of changes.
    scope.execute_one(t::table, |rows| {
        diesel::update(
            rows.filter(t::id.eq(id))
                .filter(t::version.eq(newest.version)),
        )
        .set(t::version.eq(newest.version))
    })?;
    let mut told = 0;
    for number in 1..=newest.version {
        if let Some(form) = version(scope, id, number)? {
            tell(scope, &form, number, Change::republished())?;
            told += 1;
        }
    }
    Ok(told)
}

fn free_path(scope: &mut WriteScope<'_>, id: FormId, source: &FormSource) -> Result<(), Problem> {
    let Some(path) = source.path() else {
        return Ok(());
    };
    let other: Option<FormId> = scope.find(t::table, |rows| {
        rows.filter(t::path.eq(path))
            .filter(t::id.ne(id))
            .select(t::id)
    })?;
    if other.is_some() {
        Err(taken_already("path"))
    } else {
        Ok(())
    }
}

fn resolve(
    scope: &mut WriteScope<'_>,
    source: &FormSource,
    nested: &BTreeSet<FormId>,
) -> Result<ResolvedForm, Problem> {
    let mut found = HashMap::new();
    for id in nested {
        let form = by_id(scope, *id)?
            .ok_or_else(|| Problem::unknown_reference("components", "nested form"))?;
        let mut resolved = form.resolved;
        let components = resolved.schema.remove("components").unwrap_or_default();
        found.insert(
            *id,
            Nested {
                components,
                translations: resolved.translations,
            },
        );
    }
    source.resolve(&found)
}

/// Whether one of these forms is `target`, or nests it at any depth.
fn reaches(scope: &mut WriteScope<'_>, from: &BTreeSet<FormId>, target: FormId) -> DbResult<bool> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<FormId> = from.iter().copied().collect();
    while let Some(id) = open.pop() {
        if id == target {
            return Ok(true);
        }
        if seen.insert(id) {
            let below: Vec<FormId> = scope.load(nesting::table, |rows| {
                rows.filter(nesting::form_id.eq(id))
                    .select(nesting::nested_id)
            })?;
            open.extend(below);
        }
    }
    Ok(false)
}

fn parents(scope: &mut TenantScope<'_>, id: FormId) -> DbResult<Vec<FormId>> {
    scope.load(nesting::table, |rows| {
        rows.filter(nesting::nested_id.eq(id))
            .order(nesting::form_id)
            .select(nesting::form_id)
    })
}

fn add_version(
    scope: &mut WriteScope<'_>,
    form: &StoredForm,
    nested: &BTreeSet<FormId>,
    change: Change,
) -> Result<(), Problem> {
    let tenant_id = scope.tenant_id();
    let text = |schema: &Map<String, Value>| serde_json::to_string(schema).map_err(DbError::json);
    let row = VersionRow {
        tenant_id,
        form_id: form.id,
        version: form.version,
        source: text(&form.source.schema)?,
        resolved: text(&form.resolved.schema)?,
        own_translations: Json::of(&form.source.translations)?,
        translations: Json::of(&form.resolved.translations)?,
        created_at: form.updated_at,
    };
    scope.insert(v::table, &row)?;
    scope.execute(nesting::table, |rows| {
        diesel::delete(rows.filter(nesting::form_id.eq(form.id)))
    })?;
    for nested_id in nested {
        scope.insert(
            nesting::table,
            &NestingRow {
                tenant_id,
                form_id: form.id,
                nested_id: *nested_id,
            },
        )?;
    }
    tell(scope, form, form.version, change)
}

fn tell(
    scope: &mut WriteScope<'_>,
    form: &StoredForm,
    version: i64,
    change: Change,
) -> Result<(), Problem> {
    let body = FormBody {
        id: form.id.uuid(),
        version: counter(form.version)?,
        title: form.source.title().map(str::to_owned),
        path: form.source.path().map(str::to_owned),
        schema: form.resolved.schema.clone(),
        translations: form.resolved.translations.clone(),
        created_at: form.created_at.utc(),
        updated_at: form.updated_at.utc(),
    };
    let body = serde_json::to_value(&body).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Forms,
        form.id,
        form.id,
        version,
        change,
        body,
    ))?;
    Ok(())
}
