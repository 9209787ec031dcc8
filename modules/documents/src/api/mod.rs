//! The module's HTTP API (`core-api.md` §11).

mod deposits;
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

use crate::FileSettings;
use crate::domain::access::{Standing, Subject, may_see, standing};
use crate::domain::deposit::{DepositIn, FolderIn};
use crate::store::deposit::{self, DepositRow};
use crate::store::document::{self, DocumentRow, Visible};
use crate::store::personal_folder::{self, PersonalFolder};
use crate::store::{citizen, replica};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    pub ctx: ModuleContext,
    /// What a file that comes in must be.
    pub files: FileSettings,
}

pub(crate) fn routes(config: &mut web::ServiceConfig, state: State) {
    config
        .app_data(web::Data::new(state))
        .service(
            web::resource("/{tenant}/api/documents")
                .route(web::get().to(documents::list))
                .route(web::post().to(deposits::create)),
        )
        .service(
            web::resource("/{tenant}/api/documents/verify/{code}")
                .route(web::get().to(verify::verify)),
        )
        .service(
            web::resource("/{tenant}/api/documents/{id}")
                .route(web::get().to(documents::one))
                .route(web::put().to(deposits::replace))
                .route(web::patch().to(deposits::patch))
                .route(web::delete().to(deposits::delete)),
        )
        .service(
            web::resource("/{tenant}/api/documents/{id}/download")
                .route(web::get().to(download::download)),
        )
        .service(
            web::resource("/{tenant}/api/folders")
                .route(web::get().to(folders::list))
                .route(web::post().to(folders::create)),
        )
        .service(
            web::resource("/{tenant}/api/folders/{id}")
                .route(web::get().to(folders::one))
                .route(web::put().to(folders::replace))
                .route(web::patch().to(folders::patch))
                .route(web::delete().to(folders::delete)),
        );
}

#[derive(OpenApi)]
#[openapi(
    paths(
        documents::list, documents::one, deposits::create, deposits::replace, deposits::patch, deposits::delete,
        download::download, verify::verify,
        folders::list, folders::one, folders::create, folders::replace, folders::patch, folders::delete
    ),
    components(schemas(
        DepositIn,
        FolderIn,
        documents::DocumentView,
        documents::RegistrationView,
        folders::FolderView,
        verify::Verification,
        ProblemBody
    )),
    tags((name = "documents", description = "The documents that applications produce, their PDF and their registration; the folders of citizens, and what people put there"))
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

/// A document of the path.
pub(crate) enum Found {
    /// The act of an application.
    Act(DocumentRow),
    /// What somebody put into a folder.
    Deposit(DepositRow, PersonalFolder),
}

impl Found {
    fn of(scope: &mut TenantScope<'_>, id: DocumentId) -> DbResult<Option<Self>> {
        if let Some(row) = document::find(scope, id)? {
            return Ok(Some(Self::Act(row)));
        }
        let Some(row) = deposit::find(scope, id)? else {
            return Ok(None);
        };
        let folder = personal_folder::find(scope, row.folder_id)?;
        Ok(folder.map(|folder| Self::Deposit(row, folder)))
    }

    fn is_seen_by(&self, scope: &mut TenantScope<'_>, caller: &Caller) -> DbResult<bool> {
        let linked = linked(scope, caller)?;
        match self {
            Self::Act(row) => {
                let application = replica::application(scope, row.application_id)?;
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
                Ok(may_see(caller, subject))
            }
            Self::Deposit(row, folder) => {
                if standing(caller, row.owner_id, &folder.services, &linked) != Standing::Stranger {
                    return Ok(true);
                }
                let reader = citizen::find(scope, caller.id)?.and_then(|citizen| citizen.tax_code);
                match reader {
                    Some(tax_code) => deposit::is_reader(scope, row.id, &tax_code),
                    None => Ok(false),
                }
            }
        }
    }
}

/// The document of the path: 404 if there is none, 403 if the caller may not see it.
async fn of_path(state: &State, caller: Caller, id: DocumentId) -> Result<Found, Problem> {
    let tenancy = caller.tenancy();
    let caller = Arc::new(caller);
    let seen = state
        .ctx
        .find_replica(tenancy, move |scope| {
            Ok(match Found::of(scope, id)? {
                Some(found) if found.is_seen_by(scope, &caller)? => Some(found),
                _ => None,
            })
        })
        .await?;
    if let Some(found) = seen {
        return Ok(found);
    }
    match state
        .ctx
        .db
        .read(tenancy, move |scope| Found::of(scope, id))
        .await?
    {
        Some(_) => Err(Problem::forbidden(
            "Only the citizen and the operators of the application, or of the folder, may see its documents.",
        )),
        None => Err(Problem::not_found("document")),
    }
}

/// Folders, and what people put there, are not for somebody whom nobody knows.
fn logged_in(caller: &Caller) -> Result<(), Problem> {
    if caller.is_anonymous() {
        return Err(Problem::forbidden(
            "Folders are for citizens who have logged in.",
        ));
    }
    Ok(())
}

/// # Errors
/// 422 if one of these services is unknown.
async fn services_known(
    state: &State,
    caller: &Caller,
    services: &[ServiceId],
) -> Result<(), Problem> {
    let services = services.to_vec();
    let known = state
        .ctx
        .find_replica(caller.tenancy(), move |scope| {
            let known = replica::known_services(scope, &services)?;
            let all = services.iter().all(|service| known.contains(service));
            Ok(all.then_some(()))
        })
        .await?;
    known.ok_or_else(|| Problem::unknown_reference("correlated_services", "service"))
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
