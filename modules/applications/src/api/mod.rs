//! The HTTP API of the module.

mod anomalies;
mod applications;
pub mod attachments;
mod backoffice;
pub mod bulk;
mod change;
mod changes;
mod create;
mod export;
mod external;
mod history;
mod list;
pub mod messages;
mod notes;
mod page;
mod payment;
mod status;
mod transitions;
pub mod upload;

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use opencity_contracts::Topic;
use opencity_formio::FileRef;
use opencity_kernel::auth::{self, Permission};
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::http::{ApiVersion, Scope, event_schema};
use opencity_kernel::id::{ApplicationId, FileId, UserId};
use opencity_kernel::{FieldProblem, Problem, clock};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{OpenApi, PartialSchema, ToSchema};

use crate::Settings;
use crate::aggregate::Aggregate;
use crate::body::{self, View};
use crate::domain::{self, Reason};
use crate::files::{Files, held_file, refusal};
use crate::forms::Forms;
use crate::store::application::Application;
use crate::store::file::FileKind;
use crate::store::replica;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The module's handle on everything.
    pub ctx: ModuleContext,
    /// The module's settings.
    pub settings: Arc<Settings>,
    /// Parsed forms.
    pub forms: Forms,
    /// The files.
    pub files: Files,
}

/// Anybody with a token, other modules too: what he may do depends on the application.
#[derive(Debug)]
pub enum Anybody {}

impl Permission for Anybody {
    const NEEDS: &'static str = "a token";
    fn allows(_caller: &auth::Caller) -> bool {
        true
    }
}

/// An application (*pratica*), as the API shows it: as its events do, without what is for other modules alone.
#[derive(Debug)]
pub(crate) enum ApplicationOut {}

impl PartialSchema for ApplicationOut {
    fn schema() -> RefOr<Schema> {
        let of_events_alone = [
            "submission",
            "form",
            "act",
            "event_id",
            "event_version",
            "event_created_at",
            "app_id",
            "change",
            "retry_meta",
        ];
        event_schema(Topic::Applications, &of_events_alone)
    }
}

impl ToSchema for ApplicationOut {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Application")
    }
}

/// How a request shows applications.
#[derive(Debug, Clone)]
struct Shown {
    /// How the addresses of the answer begin.
    base: String,
    /// The version of the API.
    version: ApiVersion,
}

impl Shown {
    fn of(scope: &Scope) -> Self {
        Self {
            base: scope.base_url.clone(),
            version: scope.version,
        }
    }
}

impl State {
    /// How the tenant's addresses begin in events: see [`crate::site_of`].
    fn site(&self, scope: &Scope) -> String {
        crate::site_of(&self.ctx.platform, &scope.tenant)
    }

    /// The application takes the uploads that its data name.
    ///
    /// # Errors
    /// 422 with the fields that name uploads that cannot be taken.
    fn claim(
        &self,
        scope: &mut WriteScope<'_>,
        site: &str,
        aggregate: &mut Aggregate,
        sender: UserId,
        uploads: &[FileRef],
    ) -> Result<(), Problem> {
        if uploads.is_empty() && aggregate.files.is_empty() {
            return Ok(());
        }
        let id = aggregate.row.id;
        let mut refs = Vec::with_capacity(uploads.len());
        for upload in uploads {
            let field = format!("data.{}", upload.path);
            let file: FileId = upload.id.parse().map_err(|_| {
                refusal(vec![FieldProblem::new(
                    &field,
                    "unknown",
                    "Name an upload by its id.",
                )])
            })?;
            refs.push((file, field));
        }
        let rows = self.files.claim(scope, id, sender, &refs)?;
        let kept: Vec<FileId> = rows.iter().map(|row| row.id).collect();
        if aggregate.row.version > 0 {
            self.files.release(scope, id, &kept)?;
        }
        aggregate
            .files
            .retain(|(kind, _)| kind != FileKind::Upload.as_str());
        let api = format!("{site}/api");
        let own = rows
            .iter()
            .map(|row| (row.kind.clone(), held_file(row, &api)));
        aggregate.files.extend(own);
        Ok(())
    }

    /// The application as this caller sees it.
    fn show(
        &self,
        scope: &mut TenantScope<'_>,
        shown: &Shown,
        aggregate: &Aggregate,
        caller: &domain::Caller,
    ) -> DbResult<Value> {
        let view = View {
            site: &shown.base,
            caller,
            version: shown.version.number(),
            now: clock::now(),
        };
        let form = match (aggregate.row.form_id, aggregate.row.form_version) {
            (Some(id), Some(version)) if shown.version == ApiVersion::Two => {
                self.forms.get(scope, id, version)?
            }
            _ => None,
        };
        body::shown(aggregate, view, form.as_deref())
    }
}

/// Reads an application and what the caller is to it, whether he may see it or not.
fn met(
    scope: &mut TenantScope<'_>,
    site: &str,
    caller: &auth::Caller,
    id: ApplicationId,
) -> Result<(Aggregate, domain::Caller), Problem> {
    let aggregate =
        Aggregate::load(scope, site, id)?.ok_or_else(|| Problem::not_found("application"))?;
    let relation = relation(scope, &aggregate, caller)?;
    Ok((aggregate, relation))
}

/// Reads an application for whoever may see it.
fn viewed(
    scope: &mut TenantScope<'_>,
    site: &str,
    caller: &auth::Caller,
    id: ApplicationId,
) -> Result<(Aggregate, domain::Caller), Problem> {
    let (aggregate, relation) = met(scope, site, caller, id)?;
    may_view(&relation)?;
    Ok((aggregate, relation))
}

/// Lists what an application has beside it, for whoever may see the application.
async fn beside<R, T>(
    state: &State,
    scope: Scope,
    caller: auth::Caller,
    id: ApplicationId,
    rows: fn(&mut TenantScope<'_>, ApplicationId) -> DbResult<Vec<R>>,
    shown: fn(R) -> T,
) -> Result<HttpResponse, Problem>
where
    R: 'static,
    T: Serialize + Send + 'static,
{
    let base = scope.base_url;
    let list: Vec<T> = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            viewed(scope, &base, &caller, id)?;
            Ok(rows(scope, id)?.into_iter().map(shown).collect())
        })
        .await?;
    Ok(HttpResponse::Ok().json(list))
}

/// Texts for which there is room: 255 characters.
fn short<'a>(texts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<(), Problem> {
    let faults: Vec<FieldProblem> = texts
        .into_iter()
        .filter_map(|(field, text)| FieldProblem::unless_at_most(field, text, 255))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::validation(faults))
    }
}

fn may_view(relation: &domain::Caller) -> Result<(), Problem> {
    if relation.may_view() {
        Ok(())
    } else {
        Err(Problem::forbidden(Reason::MayNotView.sentence()))
    }
}

/// What a caller is to an application.
pub(crate) fn relation(
    scope: &mut TenantScope<'_>,
    aggregate: &Aggregate,
    caller: &auth::Caller,
) -> DbResult<domain::Caller> {
    let is_other_citizen = caller.is_citizen() && caller.id != aggregate.row.user_id;
    let tax_code = if is_other_citizen && !aggregate.details.related_cfs.is_empty() {
        replica::citizen(scope, caller.id)?.and_then(|citizen| citizen.tax_code)
    } else {
        None
    };
    Ok(aggregate.relation(caller, tax_code.as_deref()))
}

/// The same for a page of applications of other people: the citizen's code is read once.
fn relations(
    scope: &mut TenantScope<'_>,
    page: &[Aggregate],
    caller: &auth::Caller,
) -> DbResult<Vec<domain::Caller>> {
    page.iter()
        .map(|aggregate| relation(scope, aggregate, caller))
        .collect()
}

fn address(base: &str, row: &Application) -> String {
    format!("{base}/api/applications/{}", row.id)
}

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let at = |path: &str| format!("/{{tenant}}/api/applications{path}");
    config
        .service(
            web::resource(at(""))
                .route(web::get().to(list::list))
                .route(web::post().to(create::create)),
        )
        .service(
            web::resource(at("/byexternal-id/{external_id}"))
                .route(web::get().to(applications::get_external)),
        )
        .service(web::resource(at("/external")).route(web::post().to(external::post)))
        .configure(bulk::routes)
        .service(web::resource(at("/export")).route(web::get().to(export::get)))
        .service(
            web::resource(at("/{id}"))
                .route(web::get().to(applications::get))
                .route(web::put().to(applications::put))
                .route(web::patch().to(applications::patch))
                .route(web::delete().to(applications::delete)),
        )
        .service(web::resource(at("/{id}/history")).route(web::get().to(history::get)))
        .service(web::resource(at("/{id}/anomalies")).route(web::get().to(anomalies::list)))
        .service(
            web::resource(at("/{id}/backoffice"))
                .route(web::get().to(backoffice::get))
                .route(web::put().to(backoffice::put))
                .route(web::post().to(backoffice::post)),
        )
        .service(
            web::resource(at("/{id}/payment"))
                .route(web::get().to(payment::get))
                .route(web::post().to(payment::post)),
        )
        .service(
            web::resource("/{tenant}/api/v1.0/user/{id}/notes")
                .route(web::get().to(notes::get))
                .route(web::post().to(notes::post)),
        )
        .service(
            web::resource("/{tenant}/api/status/applications/{id}")
                .route(web::get().to(status::get)),
        )
        .service(
            web::resource("/{tenant}/{locale}/pratiche/{id}/detail")
                .route(web::get().to(page::get)),
        );
    transitions::routes(config);
    attachments::routes(config);
    messages::routes(config);
    upload::routes(config);
}

/// The module's part of the API description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(
        info(
            title = "Applications",
            description = "Applications (pratiche): life cycle, data, history."
        ),
        tags(
            (name = "applications", description = "Applications (pratiche): life cycle, data, history"),
            (name = "messages", description = "What applicant and office write to each other"),
            (name = "upload", description = "Files that come before the application or message that names them"),
        ),
        paths(
            list::list,
            create::create,
            export::get,
            external::post,
            applications::get,
            applications::get_external,
            applications::put,
            applications::patch,
            applications::delete,
            history::get,
            anomalies::list,
            backoffice::get,
            backoffice::put,
            backoffice::post,
            payment::get,
            payment::post,
            notes::get,
            notes::post,
            status::get,
            page::get,
            transitions::sending::submit,
            transitions::registration::register,
            transitions::registration::register_outcome,
            transitions::registration::register_integration_request,
            transitions::registration::register_integration_answer,
            transitions::assignment::assign,
            transitions::outcome::accept,
            transitions::outcome::reject,
            transitions::integration::request_integration,
            transitions::integration::accept_integration,
            transitions::integration::cancel_integration,
            transitions::sending::withdraw,
            transitions::by_hand::complete_payment,
            transitions::by_hand::change_status
        )
    )]
    struct Document;
    let mut document = Document::openapi();
    document.merge(bulk::Doc::openapi());
    document.merge(attachments::Doc::openapi());
    document.merge(messages::Doc::openapi());
    document.merge(upload::Doc::openapi());
    document
}
