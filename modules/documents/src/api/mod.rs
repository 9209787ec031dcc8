//! The module's HTTP API (`core-api.md` §11).

mod documents;
mod download;
mod folders;
mod verify;

use std::sync::Arc;

use actix_web::web;
use opencity_kernel::Problem;
use opencity_kernel::auth::{Caller, CallerKind};
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbResult, TenantScope};
use opencity_kernel::http::PageQuery;
use opencity_kernel::id::DocumentId;
use opencity_kernel::id::ServiceId;
use opencity_kernel::problem::ProblemBody;
use utoipa::OpenApi;

use crate::domain::access::{Subject, may_see};
use crate::store::document::{self, DocumentRow, Visible};
use crate::store::replica;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    pub ctx: ModuleContext,
}

pub(crate) fn routes(config: &mut web::ServiceConfig, ctx: ModuleContext) {
    config
        .app_data(web::Data::new(State { ctx }))
        .service(web::resource("/{tenant}/api/documents").route(web::get().to(documents::list)))
        .service(
            web::resource("/{tenant}/api/documents/verify/{code}")
                .route(web::get().to(verify::verify)),
        )
        .service(web::resource("/{tenant}/api/documents/{id}").route(web::get().to(documents::one)))
        .service(
            web::resource("/{tenant}/api/documents/{id}/download")
                .route(web::get().to(download::download)),
        )
        .service(web::resource("/{tenant}/api/folders").route(web::get().to(folders::list)));
}

#[derive(OpenApi)]
#[openapi(
    paths(documents::list, documents::one, download::download, verify::verify, folders::list),
    components(schemas(
        documents::DocumentView,
        documents::RegistrationView,
        folders::FolderView,
        verify::Verification,
        ProblemBody
    )),
    tags((name = "documents", description = "The documents that applications produce, their PDF, their registration and their folders"))
)]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The services linked to the caller's offices.
fn linked(scope: &mut TenantScope<'_>, caller: &Caller) -> DbResult<Vec<ServiceId>> {
    match caller.operator() {
        Some(operator) => replica::services_of_offices(scope, &operator.offices),
        None => Ok(Vec::new()),
    }
}

/// Whose documents the caller sees in lists.
fn visible(scope: &mut TenantScope<'_>, caller: &Caller) -> DbResult<Visible> {
    Ok(match &caller.kind {
        CallerKind::Citizen { .. } => Visible::Of(caller.id),
        CallerKind::Operator(operator) if !operator.system_user => {
            let mut services: Vec<ServiceId> = operator.enabled_services.iter().copied().collect();
            services.extend(linked(scope, caller)?);
            Visible::Worked {
                services,
                offices: operator.offices.iter().copied().collect(),
                operator: operator.id,
            }
        }
        _ => Visible::All,
    })
}

/// The document, if the caller may see it.
fn seen(
    scope: &mut TenantScope<'_>,
    caller: &Caller,
    id: DocumentId,
) -> DbResult<Option<DocumentRow>> {
    let Some(row) = document::find(scope, id)? else {
        return Ok(None);
    };
    let application = replica::application(scope, row.application_id)?;
    let linked = linked(scope, caller)?;
    let subject = Subject {
        owner: row.owner_id,
        service: row.service_id,
        office: application
            .as_ref()
            .and_then(|application| application.office_id),
        operator: application
            .as_ref()
            .and_then(|application| application.operator_id),
        linked: &linked,
    };
    Ok(may_see(caller, subject).then_some(row))
}

/// The document of the path: 404 if there is none, 403 if the caller may not see it.
async fn of_path(state: &State, caller: Caller, id: DocumentId) -> Result<DocumentRow, Problem> {
    let tenancy = caller.tenancy();
    let caller = Arc::new(caller);
    let found = state
        .ctx
        .find_replica(tenancy, move |scope| seen(scope, &caller, id))
        .await?;
    if let Some(row) = found {
        return Ok(row);
    }
    match state
        .ctx
        .db
        .read(tenancy, move |scope| document::find(scope, id))
        .await?
    {
        Some(_) => Err(Problem::forbidden(
            "Only the citizen and the operators of the application may see its documents.",
        )),
        None => Err(Problem::not_found("document")),
    }
}

/// The most entries of a list that is a bare array, and how many it has unless the request says otherwise.
const MOST: i64 = 100;

/// The part of a bare array that a request asks for: all up to [`MOST`] unless it names a limit.
fn part(query: &PageQuery) -> document::Page {
    document::Page {
        offset: query.offset,
        limit: if query.parameter("limit").is_some() {
            query.limit
        } else {
            MOST
        },
        newest_first: query.sort == opencity_kernel::http::Sort::Descending,
    }
}
