//! Telling the present state again, so that a log with a retention still has it.

use opencity_kernel::Problem;
use opencity_kernel::db::{Database, DbError, Priority, Tenancy, WriteScope};
use opencity_kernel::id::{FormId, ServiceId, TenantId};

use crate::store;

/// Tells every service of every tenant; the number of events.
///
/// # Errors
/// If the database refuses.
pub async fn services(database: &Database) -> Result<u64, Problem> {
    let all: Vec<(TenantId, ServiceId)> = database
        .read_across::<_, DbError>(
            "republishing the services of every tenant",
            store::every_service,
        )
        .await?;
    let mut told = 0;
    for (tenant, id) in all {
        let work = move |scope: &mut WriteScope<'_>| store::services::republish(scope, id);
        if database
            .write_as::<_, Problem>(Priority::Background, Tenancy::from_row(tenant), work)
            .await?
        {
            told += 1;
        }
    }
    Ok(told)
}

/// Tells every version of every form of every tenant; the number of events.
///
/// # Errors
/// If the database refuses.
pub async fn forms(database: &Database) -> Result<u64, Problem> {
    let all: Vec<(TenantId, FormId)> = database
        .read_across::<_, DbError>("republishing the forms of every tenant", store::every_form)
        .await?;
    let mut told = 0;
    for (tenant, id) in all {
        let work = move |scope: &mut WriteScope<'_>| store::forms::republish(scope, id);
        told += database
            .write_as::<_, Problem>(Priority::Background, Tenancy::from_row(tenant), work)
            .await?;
    }
    Ok(told)
}
