//! Work on many applications that was asked for in one call, and what became of each.

use diesel::prelude::*;
use opencity_kernel::db::{
    Boxed, Columns, DbError, DbResult, PlatformScope, TenantScope, WriteScope,
};
use opencity_kernel::http::{PageQuery, Sort};
use opencity_kernel::id::{ApplicationId, Id, TenantId, UserId};
use opencity_kernel::instant::Instant;

use super::schema::{applications_bulk as b, applications_bulk_item as i};

/// Marks the ids of bulk work.
#[derive(Debug)]
pub enum Bulk {}

/// The id of bulk work.
pub type BulkId = Id<Bulk>;

/// Bulk work.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = b)]
pub struct BulkRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The work.
    pub id: BulkId,
    /// What is done to each application.
    pub action: String,
    /// What goes with it: JSON.
    pub input: String,
    /// Who asked for it.
    pub requested_by: UserId,
    /// His name.
    pub requested_name: Option<String>,
    /// How he had logged in: JSON.
    pub login: String,
    /// Applications in all.
    pub total: i32,
    /// To how many it was done.
    pub done: i32,
    /// For how many it was refused.
    pub refused: i32,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it began.
    pub started_at: Option<Instant>,
    /// When it was through.
    pub ended_at: Option<Instant>,
}
opencity_kernel::tenant_rows!(BulkRow);

/// What became of one application.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = i)]
pub struct ItemRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The work.
    pub bulk_id: BulkId,
    /// Its place in the list.
    pub position: i32,
    /// The application.
    pub application_id: ApplicationId,
    /// `pending`, `done`, `refused`.
    pub status: String,
    /// Why it was refused: JSON of the problem.
    pub problem: Option<String>,
    /// When.
    pub at: Option<Instant>,
}
opencity_kernel::tenant_rows!(ItemRow);

/// Items that are written in one statement.
const AT_ONCE: usize = 500;

/// How an item stands.
pub const PENDING: &str = "pending";
/// Done.
pub const DONE: &str = "done";
/// Refused.
pub const REFUSED: &str = "refused";

/// Keeps new work.
///
/// # Errors
/// If the database refuses.
pub fn insert(scope: &mut WriteScope<'_>, bulk: &BulkRow, ids: &[ApplicationId]) -> DbResult<()> {
    scope.insert(b::table, bulk)?;
    let items: Vec<ItemRow> = (0..)
        .zip(ids)
        .map(|(position, application_id)| ItemRow {
            tenant_id: bulk.tenant_id,
            bulk_id: bulk.id,
            position,
            application_id: *application_id,
            status: PENDING.to_owned(),
            problem: None,
            at: None,
        })
        .collect();
    for some in items.chunks(AT_ONCE) {
        scope.insert_all(i::table, some)?;
    }
    Ok(())
}

/// A piece of work.
///
/// # Errors
/// If the database refuses.
pub fn find(scope: &mut TenantScope<'_>, id: BulkId) -> DbResult<Option<BulkRow>> {
    scope.find(b::table, |rows| {
        rows.filter(b::id.eq(id)).select(BulkRow::columns())
    })
}

/// A page of the work that somebody asked for, or anybody; one more than asked for, if there is, and the number of all.
///
/// # Errors
/// If the database refuses.
pub fn page(
    scope: &mut TenantScope<'_>,
    of: Option<UserId>,
    query: &PageQuery,
    after: Option<BulkId>,
) -> DbResult<(Vec<BulkRow>, i64)> {
    let count = scope.get(b::table, |rows| {
        let rows = rows.into_boxed();
        Boxed(
            match of {
                Some(user) => rows.filter(b::requested_by.eq(user)),
                None => rows,
            }
            .count(),
        )
    })?;
    let rows = scope.load(b::table, |rows| {
        let rows = rows.into_boxed();
        let rows = match of {
            Some(user) => rows.filter(b::requested_by.eq(user)),
            None => rows,
        };
        let rows = match (query.sort, after) {
            (Sort::Ascending, Some(id)) => rows.filter(b::id.gt(id)),
            (Sort::Descending, Some(id)) => rows.filter(b::id.lt(id)),
            (_, None) => rows.offset(query.offset),
        };
        let rows = match query.sort {
            Sort::Ascending => rows.order(b::id.asc()),
            Sort::Descending => rows.order(b::id.desc()),
        };
        Boxed(rows.limit(query.limit + 1).select(BulkRow::columns()))
    })?;
    Ok((rows, count))
}

/// A page of what became of the applications of a piece of work, in the order in which they were named; one more than asked for,
/// if there is, and the number of all.
///
/// # Errors
/// If the database refuses.
pub fn items(
    scope: &mut TenantScope<'_>,
    bulk: BulkId,
    status: Option<&str>,
    query: &PageQuery,
    after: Option<i32>,
) -> DbResult<(Vec<ItemRow>, i64)> {
    let count = scope.get(i::table, |rows| {
        let rows = rows.filter(i::bulk_id.eq(bulk)).into_boxed();
        Boxed(
            match status {
                Some(status) => rows.filter(i::status.eq(status)),
                None => rows,
            }
            .count(),
        )
    })?;
    let rows = scope.load(i::table, |rows| {
        let rows = rows.filter(i::bulk_id.eq(bulk)).into_boxed();
        let rows = match status {
            Some(status) => rows.filter(i::status.eq(status)),
            None => rows,
        };
        let rows = match after {
            Some(position) => rows.filter(i::position.gt(position)),
            None => rows.offset(query.offset),
        };
        Boxed(
            rows.order(i::position)
                .limit(query.limit + 1)
                .select(ItemRow::columns()),
        )
    })?;
    Ok((rows, count))
}

/// The oldest work that is not through.
///
/// # Errors
/// If the database refuses.
pub fn due(scope: &mut PlatformScope<'_>) -> DbResult<Option<BulkRow>> {
    scope.find(
        b::table
            .filter(b::ended_at.is_null())
            .order(b::id)
            .limit(1)
            .select(BulkRow::columns()),
    )
}

/// The applications that are still to be worked, in order.
///
/// # Errors
/// If the database refuses.
pub fn pending(
    scope: &mut TenantScope<'_>,
    bulk: BulkId,
    most: i64,
) -> DbResult<Vec<ApplicationId>> {
    scope.load(i::table, |rows| {
        rows.filter(i::bulk_id.eq(bulk))
            .filter(i::status.eq(PENDING))
            .order(i::position)
            .limit(most)
            .select(i::application_id)
    })
}

/// Settles an application, once: false if it was settled before. `problem` says why it was refused, where it was.
///
/// # Errors
/// If the database refuses.
pub fn settle(
    scope: &mut WriteScope<'_>,
    bulk: BulkId,
    application: ApplicationId,
    problem: Option<&str>,
    at: Instant,
) -> DbResult<bool> {
    let status = if problem.is_some() { REFUSED } else { DONE };
    let settled = scope.execute(i::table, |rows| {
        diesel::update(
            rows.filter(i::bulk_id.eq(bulk))
                .filter(i::application_id.eq(application))
                .filter(i::status.eq(PENDING)),
        )
        .set((
            i::status.eq(status),
            i::problem.eq(problem),
            i::at.eq(Some(at)),
        ))
    })?;
    if settled == 0 {
        return Ok(false);
    }
    scope.execute(b::table, |rows| {
        let (done, refused) = if problem.is_some() { (0, 1) } else { (1, 0) };
        diesel::update(rows.filter(b::id.eq(bulk))).set((
            b::done.eq(b::done + done),
            b::refused.eq(b::refused + refused),
        ))
    })?;
    Ok(true)
}

/// Notes that the work begins, or goes on.
///
/// # Errors
/// If the database refuses.
pub fn begin(scope: &mut WriteScope<'_>, bulk: BulkId, at: Instant) -> DbResult<()> {
    scope.execute(b::table, |rows| {
        diesel::update(rows.filter(b::id.eq(bulk)).filter(b::started_at.is_null()))
            .set(b::started_at.eq(Some(at)))
    })?;
    Ok(())
}

/// Notes that the work is through.
///
/// # Errors
/// [`DbError::Conflict`] if it is not.
pub fn end(scope: &mut WriteScope<'_>, bulk: BulkId, at: Instant) -> DbResult<()> {
    if !pending(scope, bulk, 1)?.is_empty() {
        return Err(DbError::Conflict);
    }
    scope.execute(b::table, |rows| {
        diesel::update(rows.filter(b::id.eq(bulk)).filter(b::ended_at.is_null()))
            .set(b::ended_at.eq(Some(at)))
    })?;
    Ok(())
}
