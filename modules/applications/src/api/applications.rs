//! GET, PUT, PATCH, DELETE of one application.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_formio::Mode;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::{DbError, TenantScope};
use opencity_kernel::http::{ApiVersion, Body, Scope};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind, auth};
use serde_json::Value;

use super::change::{Work, change, may};
use super::changes::Changes;
use super::list::{GEO_JSON, point, wants_geo_json};
use super::{Anybody, ApplicationOut, Shown, State, viewed};
use crate::aggregate::Circumstances;
use crate::domain::{Action, Status};
use crate::engine::{self, Inputs};
use crate::store::application;
use crate::submission;

type Path = web::Path<(String, ApplicationId)>;

/// One application.
#[utoipa::path(
    get, path = "/lang/api/applications/{id}", operation_id = "applications.application.get",
    tag = "applications", summary = "One application",
    description = "Data flat in version 1, nested in version 2 (`version`, or `x-accept-version`). With `Accept: application/geo+json` its place, if the data name one.",
    params(("id" = ApplicationId, Path, description = "The application"), ApiVersion),
    responses(
        (status = 200, description = "The application, or its place", content((ApplicationOut = "application/json"), (Object = "application/geo+json"))),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It may not be seen", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "GeoJSON of an application without coordinates", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get(
    request: HttpRequest,
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Anybody>,
    path: Path,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    one(&request, &state, &scope, caller.into_caller(), move |_| {
        Ok(Some(id))
    })
    .await
}

/// One application by its id in a system outside.
#[utoipa::path(
    get, path = "/lang/api/applications/byexternal-id/{external_id}",
    operation_id = "applications.application.getByExternalId",
    tag = "applications", summary = "One application by its external id",
    description = "For systems that know the application by the id that they gave it (`external_id`).",
    params(("external_id" = String, Path, description = "The id in a system outside", max_length = 255), ApiVersion),
    responses(
        (status = 200, description = "The application, or its place", content((ApplicationOut = "application/json"), (Object = "application/geo+json"))),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It may not be seen", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "GeoJSON of an application without coordinates", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get_external(
    request: HttpRequest,
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Anybody>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let external = path.into_inner().1;
    one(
        &request,
        &state,
        &scope,
        caller.into_caller(),
        move |scope| match application::find_external(scope, &external)? {
            Some(row) => Ok(Some(row.id)),
            None => crate::store::external::find_anywhere(scope, &external),
        },
    )
    .await
}

async fn one(
    request: &HttpRequest,
    state: &State,
    scope: &Scope,
    caller: auth::Caller,
    find: impl FnOnce(&mut TenantScope<'_>) -> Result<Option<ApplicationId>, DbError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let shown = Shown::of(scope);
    let geo = wants_geo_json(request);
    let state = state.clone();
    let database = state.ctx.db.clone();
    let (answer, kind) = database
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let id = find(scope)?.ok_or_else(|| Problem::not_found("application"))?;
            let (aggregate, relation) = viewed(scope, &shown.base, &caller, id)?;
            if geo {
                let geometry = point(&aggregate).ok_or_else(|| {
                    Problem::new(
                        ProblemKind::NotAcceptable,
                        "The application has no coordinates; ask for application/json.",
                    )
                })?;
                return Ok((geometry, GEO_JSON));
            }
            Ok((
                state.show(scope, &shown, &aggregate, &relation)?,
                "application/json",
            ))
        })
        .await?;
    Ok(HttpResponse::Ok().content_type(kind).json(answer))
}

/// Replaces the data of an application.
#[utoipa::path(
    put, path = "/lang/api/applications/{id}", operation_id = "applications.application.replace",
    tag = "applications", summary = "Replace the data",
    description = "The owner replaces the data of a draft. What GET gave may be sent back: other keys are ignored.",
    params(("id" = ApplicationId, Path, description = "The application")),
    request_body = Changes,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Application Modified Successfully"])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct, or the state does not allow it", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn put(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
    body: Body<Changes>,
) -> Result<HttpResponse, Problem> {
    let (id, caller) = (path.into_inner().1, caller.into_caller());
    let may = may(&state, &scope, &caller, id, Action::Put);
    let changes = body.value.read_after(may).await?;
    changes.check()?;
    change(&state, &scope, caller, id, move |work| {
        let backoffice = changes.backoffice_data.clone();
        let backoffice = backoffice.filter(|data| data.as_ref() != work.shown_backoffice_data());
        let change = work.data_change(Action::Put, changes)?;
        work.apply(
            Action::Put,
            Inputs {
                change: Some(change),
                ..Inputs::default()
            },
        )?;
        match backoffice {
            Some(data) => super::backoffice::write(work, data),
            None => Ok(()),
        }
    })
    .await?;
    Ok(HttpResponse::Ok().json(["Application Modified Successfully"]))
}

/// Changes single fields.
#[utoipa::path(
    patch, path = "/lang/api/applications/{id}", operation_id = "applications.application.patch",
    tag = "applications", summary = "Change single fields, or give protocol data",
    description = "Keys that are absent stay as they are. `data` are replaced as a whole: uploads that the new ones do not name are \
        no longer the application's. The protocol number of an act may be given by hand here; a number is never replaced, what stands \
        beside it (id, folder, time) may be corrected.",
    params(("id" = ApplicationId, Path, description = "The application")),
    request_body = Changes,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A proxy is asking for the number, or changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct, or the state does not allow it", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn patch(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
    body: Body<Changes>,
) -> Result<HttpResponse, Problem> {
    let (id, caller) = (path.into_inner().1, caller.into_caller());
    let may = may(&state, &scope, &caller, id, Action::PatchData);
    let changes = body.value.read_after(may).await?;
    changes.check()?;
    change(&state, &scope, caller, id, move |work| {
        let numbers = changes.numbers(&work.aggregate);
        let backoffice = changes.backoffice_data.clone();
        // What nobody holds, or he is not shown, comes back as null.
        let backoffice =
            backoffice.filter(|data| data.is_some() || work.shown_backoffice_data().is_some());
        if changes.changes_data(&work.aggregate) || (numbers.is_empty() && backoffice.is_none()) {
            let change = work.data_change(Action::PatchData, changes)?;
            work.apply(
                Action::PatchData,
                Inputs {
                    change: Some(change),
                    ..Inputs::default()
                },
            )?;
        }
        if let Some(data) = backoffice {
            super::backoffice::write(work, data)?;
        }
        for (kind, number) in numbers {
            work.apply(
                Action::PatchProtocol(kind),
                Inputs {
                    number,
                    ..Inputs::default()
                },
            )?;
        }
        Ok(())
    })
    .await?;
    Ok(HttpResponse::Ok().json(["Object Patched Successfully"]))
}

/// Deletes a draft.
#[utoipa::path(
    delete, path = "/lang/api/applications/{id}", operation_id = "applications.application.delete",
    tag = "applications", summary = "Delete a draft",
    description = "Only a draft can be deleted, by its owner. What was sent is withdrawn instead.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 204, description = "Gone"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It was sent already", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn delete(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    change(&state, &scope, caller.into_caller(), id, move |work| {
        work.apply(Action::Delete, Inputs::default())?;
        // Nothing names its uploads any more: they are swept one day.
        Ok(work.state.files.release(work.scope, id, &[])?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

impl Work<'_, '_> {
    /// The office's data, as the caller is shown them.
    fn shown_backoffice_data(&self) -> Option<&Value> {
        let held = self.aggregate.details.backoffice_data.as_ref();
        held.filter(|_| self.relation.may_see_backoffice_data())
    }

    /// What PUT and PATCH change, checked.
    fn data_change(
        &mut self,
        action: Action,
        changes: Changes,
    ) -> Result<engine::DataChange, Problem> {
        self.check(action, Circumstances::default())?;
        let present = self.aggregate.state()?;
        if changes.status.is_some_and(|status| status != present) {
            return Err(Problem::field(
                "status",
                "read_only",
                "Leave the state out, and change it by a transition.",
            ));
        }
        if let Some(field) = changes.unchangeable(&self.aggregate) {
            return Err(Problem::field(
                field,
                "read_only",
                "This does not change once the application is begun: leave it out, or send it back as it is.",
            ));
        }
        if action == Action::Put && !changes.numbers(&self.aggregate).is_empty() {
            return Err(Problem::field(
                "protocol_number",
                "read_only",
                "Leave the protocol data out or send them back as they are, and give them by PATCH.",
            ));
        }
        let payment_type =
            submission::payment_type(&self.aggregate.service, changes.payment_type.clone())?;
        let sent = match (&changes.data, action) {
            (None, Action::PatchData) => None,
            (data, _) => {
                let mode = if present == Status::Draft {
                    Mode::Draft
                } else {
                    Mode::Submit
                };
                let sent = self.read_data(data.as_ref(), mode)?;
                self.check_applicant(&sent)?;
                let uploads = sent.uploads.clone();
                let sender = self.caller.id;
                self.state.claim(
                    self.scope,
                    &self.site,
                    &mut self.aggregate,
                    sender,
                    &uploads,
                )?;
                Some(sent)
            }
        };
        let form = self.form()?.map(|(id, version, _)| (id, version));
        let service = self.aggregate.service.clone();
        Ok(Box::new(move |row, details, data| {
            if let Some(sent) = sent {
                row.subject = Some(submission::subject(
                    &service,
                    &sent.data,
                    &sent.applicant,
                    row.id,
                ));
                row.user_name =
                    submission::full_name(&sent.applicant, None).or(row.user_name.take());
                if let Some((id, version)) = form {
                    row.form_id = Some(id);
                    row.form_version = Some(version);
                }
                details.related_cfs = sent.related_cfs;
                *data = sent.data;
            }
            if let Some(external_id) = changes.external_id {
                row.external_id = external_id.filter(|id| !id.is_empty());
            }
            if payment_type.is_some() && row.payment_data.is_none() {
                row.payment_type = payment_type;
            }
        }))
    }
}
