//! The module's rows. Functions that change something write the event of the change as well.

pub mod forms;
pub mod groups;
pub mod offices;
pub mod places;
mod schema;
pub mod services;
pub mod terms;

use std::collections::HashSet;

use diesel::prelude::*;
use opencity_kernel::db::{DbError, DbResult, PlatformScope, TenantScope};
use opencity_kernel::id::{FormId, ServiceId, TenantId};
use opencity_kernel::{Problem, ProblemKind};

use crate::domain::slug;
use crate::view::Names;

/// The names of everything that services refer to.
///
/// # Errors
/// If the database refuses.
pub fn names(scope: &mut TenantScope<'_>) -> DbResult<Names> {
    Ok(Names {
        terms: terms::names(scope)?,
        groups: groups::names(scope)?,
    })
}

/// The slug that was asked for, unless it is taken; else one made from the name.
fn choose_slug(
    asked: &str,
    name: &str,
    fallback: &str,
    taken: &HashSet<String>,
) -> Result<String, Problem> {
    if asked.is_empty() {
        return Ok(slug::free(slug::of_name(name, fallback), taken));
    }
    if taken.contains(asked) {
        return Err(taken_already("slug"));
    }
    Ok(asked.to_owned())
}

fn taken_already(field: &str) -> Problem {
    Problem::new(
        ProblemKind::AlreadyExists,
        format!("Another one has this {field} already. Choose another {field}."),
    )
}

fn in_use(by: &str) -> Problem {
    Problem::new(
        ProblemKind::StillInUse,
        format!("It is still used by {by}. Remove those references first."),
    )
}

fn missing<T>(row: Option<T>, what: &str) -> Result<T, Problem> {
    row.ok_or_else(|| Problem::not_found(what))
}

/// A stored counter as the contract has it.
fn counter(version: i64) -> DbResult<u32> {
    u32::try_from(version).map_err(|_| DbError::malformed("a version is out of bounds"))
}

/// Every service of every tenant: what is republished.
///
/// # Errors
/// If the database refuses.
pub fn every_service(scope: &mut PlatformScope<'_>) -> DbResult<Vec<(TenantId, ServiceId)>> {
    use schema::services_service as t;
    scope.load(
        t::table
            .order((t::tenant_id, t::id))
            .select((t::tenant_id, t::id)),
    )
}

/// Every form of every tenant: what is republished.
///
/// # Errors
/// If the database refuses.
pub fn every_form(scope: &mut PlatformScope<'_>) -> DbResult<Vec<(TenantId, FormId)>> {
    use schema::services_form as t;
    scope.load(
        t::table
            .order((t::tenant_id, t::id))
            .select((t::tenant_id, t::id)),
    )
}
