//! The folders of citizens.

use std::collections::BTreeMap;

use diesel::prelude::*;
use opencity_kernel::db::{Boxed, Columns, DbResult, MultiBackend, TenantScope, WriteScope};
use opencity_kernel::id::{ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;

use super::citizen;
use super::deposit::DepositRow;
use super::document::{Page, Visible};
use super::folder::FolderId;
use super::schema::{
    documents_deposit, documents_personal_folder, documents_personal_folder_service,
};

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents_personal_folder, treat_none_as_null = true, primary_key(tenant_id, id))]
pub(crate) struct Row {
    pub tenant_id: TenantId,
    pub id: FolderId,
    pub version: i64,
    pub owner_id: UserId,
    pub title: String,
    pub description: Option<String>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Insertable)]
#[diesel(table_name = documents_personal_folder_service)]
struct ServiceRow {
    tenant_id: TenantId,
    folder_id: FolderId,
    service_id: ServiceId,
}
opencity_kernel::tenant_rows!(Row, ServiceRow);

/// A folder of a citizen, and the services that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersonalFolder {
    pub row: Row,
    pub services: Vec<ServiceId>,
}

pub(crate) fn find(scope: &mut TenantScope<'_>, id: FolderId) -> DbResult<Option<PersonalFolder>> {
    let row: Option<Row> = scope.find(documents_personal_folder::table, |rows| {
        rows.filter(documents_personal_folder::id.eq(id))
            .select(Row::columns())
    })?;
    Ok(with_services(scope, row.into_iter().collect())?.pop())
}

fn with_services(scope: &mut TenantScope<'_>, rows: Vec<Row>) -> DbResult<Vec<PersonalFolder>> {
    let ids: Vec<FolderId> = rows.iter().map(|row| row.id).collect();
    let links: Vec<(FolderId, ServiceId)> =
        scope.load(documents_personal_folder_service::table, |links| {
            links
                .filter(documents_personal_folder_service::folder_id.eq_any(ids))
                .order(documents_personal_folder_service::service_id)
                .select((
                    documents_personal_folder_service::folder_id,
                    documents_personal_folder_service::service_id,
                ))
        })?;
    let mut services = BTreeMap::<FolderId, Vec<ServiceId>>::new();
    for (folder, service) in links {
        services.entry(folder).or_default().push(service);
    }
    Ok(rows
        .into_iter()
        .map(|row| PersonalFolder {
            services: services.remove(&row.id).unwrap_or_default(),
            row,
        })
        .collect())
}

/// The ids of those that are about one of these services, for a query that names the tenant itself.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn about(tenant: TenantId, services: Vec<ServiceId>) -> _ {
    documents_personal_folder_service::table
        .filter(documents_personal_folder_service::tenant_id.eq(tenant))
        .filter(documents_personal_folder_service::service_id.eq_any(services))
        .select(documents_personal_folder_service::folder_id)
}

/// The titles of the folders that documents lie in.
pub(crate) fn titles(
    scope: &mut TenantScope<'_>,
    deposits: &[DepositRow],
) -> DbResult<BTreeMap<FolderId, String>> {
    let ids: Vec<FolderId> = deposits.iter().map(|row| row.folder_id).collect();
    let titles: Vec<(FolderId, String)> = scope.load(documents_personal_folder::table, |rows| {
        rows.filter(documents_personal_folder::id.eq_any(ids))
            .select((
                documents_personal_folder::id,
                documents_personal_folder::title,
            ))
    })?;
    Ok(titles.into_iter().collect())
}

pub(crate) fn insert(scope: &mut WriteScope<'_>, folder: &PersonalFolder) -> DbResult<()> {
    scope.insert(documents_personal_folder::table, &folder.row)?;
    link(scope, folder)
}

fn link(scope: &mut WriteScope<'_>, folder: &PersonalFolder) -> DbResult<()> {
    let tenant_id = scope.tenant_id();
    let rows: Vec<ServiceRow> = folder
        .services
        .iter()
        .map(|service| ServiceRow {
            tenant_id,
            folder_id: folder.row.id,
            service_id: *service,
        })
        .collect();
    scope.insert_all(documents_personal_folder_service::table, rows.as_slice())
}

fn unlink(scope: &mut WriteScope<'_>, id: FolderId) -> DbResult<()> {
    scope.execute(documents_personal_folder_service::table, |rows| {
        diesel::delete(rows.filter(documents_personal_folder_service::folder_id.eq(id)))
    })?;
    Ok(())
}

/// Writes a folder that was read in version `before`.
pub(crate) fn update(
    scope: &mut WriteScope<'_>,
    folder: &PersonalFolder,
    before: i64,
) -> DbResult<()> {
    scope.execute_one(documents_personal_folder::table, |rows| {
        diesel::update(
            rows.filter(documents_personal_folder::id.eq(folder.row.id))
                .filter(documents_personal_folder::version.eq(before)),
        )
        .set(&folder.row)
    })?;
    unlink(scope, folder.row.id)?;
    link(scope, folder)
}

/// Whether documents lie in it.
pub(crate) fn is_used(scope: &mut TenantScope<'_>, id: FolderId) -> DbResult<bool> {
    let one: Option<FolderId> = scope.find(documents_deposit::table, |rows| {
        rows.filter(documents_deposit::folder_id.eq(id))
            .select(documents_deposit::folder_id)
            .limit(1)
    })?;
    Ok(one.is_some())
}

/// Removes a folder that was read in this version.
pub(crate) fn delete(scope: &mut WriteScope<'_>, id: FolderId, version: i64) -> DbResult<()> {
    unlink(scope, id)?;
    scope.execute_one(documents_personal_folder::table, |rows| {
        diesel::delete(
            rows.filter(documents_personal_folder::id.eq(id))
                .filter(documents_personal_folder::version.eq(version)),
        )
    })
}

/// Marks a folder as changed, so that whoever removes it at the same moment is told of a conflict.
pub(crate) fn touch(scope: &mut WriteScope<'_>, folder: &Row) -> DbResult<()> {
    scope.execute_one(documents_personal_folder::table, |rows| {
        diesel::update(
            rows.filter(documents_personal_folder::id.eq(folder.id))
                .filter(documents_personal_folder::version.eq(folder.version)),
        )
        .set(documents_personal_folder::version.eq(folder.version + 1))
    })
}

/// A part of the folders that are visible, by title.
pub(crate) fn list(
    scope: &mut TenantScope<'_>,
    visible: Visible,
    tax_code: Option<String>,
    title: Option<String>,
    page: &Page,
) -> DbResult<Vec<PersonalFolder>> {
    let tenant = scope.tenant_id();
    let rows: Vec<Row> = scope.load(documents_personal_folder::table, |rows| {
        let mut query = rows.into_boxed::<MultiBackend>();
        match visible {
            Visible::All => {}
            Visible::Of(owner) => {
                query = query.filter(documents_personal_folder::owner_id.eq(owner));
            }
            Visible::Worked { services, .. } => {
                query = query.filter(documents_personal_folder::id.eq_any(about(tenant, services)));
            }
        }
        if let Some(tax_code) = tax_code {
            let owners = citizen::with_tax_code(tenant, tax_code);
            query = query.filter(documents_personal_folder::owner_id.eq_any(owners));
        }
        if let Some(title) = title {
            query = query.filter(documents_personal_folder::title.eq(title));
        }
        Boxed(
            query
                .order((
                    documents_personal_folder::title,
                    documents_personal_folder::id,
                ))
                .offset(page.offset)
                .limit(page.limit)
                .select(Row::columns()),
        )
    })?;
    with_services(scope, rows)
}
