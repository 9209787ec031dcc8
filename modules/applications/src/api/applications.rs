//! GET, PUT, PATCH, DELETE of one application.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_formio::Mode;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::{DbError, TenantScope};
use opencity_kernel::http::{ApiVersion, Body, Scope};
use opencity_kernel::id::{ApplicationId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind, auth};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::change::{Work, change, may};
use super::list::{GEO_JSON, point, wants_geo_json};
use super::{Anybody, ApplicationOut, Shown, State, short, viewed};
use crate::aggregate::{Aggregate, Circumstances};
use crate::domain::{ActKind, Action, Status};
use crate::engine::{self, Inputs, Number};
use crate::store::application;
use crate::submission;

/// A change of an application. The body of a GET may be sent back: keys not named here are ignored, and what does not change must
/// be as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ApplicationChange, example = json!({"protocol_number": "2025/1042", "protocol_folder_number": "6.3-12"}))]
#[serde(default)]
pub struct Changes {
    /// The form's data as a whole, in any version.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// The present state, where the body of a GET is sent back; transitions change it.
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
    /// The service as POST takes it, where it is sent back; it does not change.
    #[schema(max_length = 255)]
    pub service: Option<String>,
    /// The citizen, where he is sent back; he does not change.
    pub user: Option<UserId>,
    /// When it was begun, where it is sent back; it does not change.
    pub created_at: Option<Instant>,
    /// Its id in a system outside.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    pub external_id: Option<Option<String>>,
    /// What the office writes on its own form.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    pub backoffice_data: Option<Option<Value>>,
    /// The payment connector, where the service has several.
    #[schema(max_length = 255)]
    pub payment_type: Option<String>,
    /// The registry's number of the folder.
    #[schema(max_length = 255)]
    pub protocol_folder_number: Option<String>,
    /// The folder's title.
    #[schema(max_length = 255)]
    pub protocol_folder_code: Option<String>,
    /// The protocol number of the request.
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// The registry's id of the request.
    #[schema(max_length = 255)]
    pub protocol_document_id: Option<String>,
    /// When the request was registered.
    pub protocolled_at: Option<Instant>,
    /// The protocol number of the outcome.
    #[schema(max_length = 255)]
    pub outcome_protocol_number: Option<String>,
    /// The registry's id of the outcome.
    #[schema(max_length = 255)]
    pub outcome_protocol_document_id: Option<String>,
    /// When the outcome was registered.
    pub outcome_protocolled_at: Option<Instant>,
    /// The protocol number of the request for integrations.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_number: Option<String>,
    /// The registry's id of it.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_outbound_protocolled_at: Option<Instant>,
    /// The protocol number of the answer.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_number: Option<String>,
    /// The registry's id of it.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_inbound_protocolled_at: Option<Instant>,
}

/// A key that is there with null is something else than one that is not there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Changes {
    fn check(&self) -> Result<(), Problem> {
        let numbers = [
            ("protocol_number", &self.protocol_number),
            ("outcome_protocol_number", &self.outcome_protocol_number),
            (
                "integration_outbound_protocol_number",
                &self.integration_outbound_protocol_number,
            ),
            (
                "integration_inbound_protocol_number",
                &self.integration_inbound_protocol_number,
            ),
        ];
        let others = [
            ("payment_type", &self.payment_type),
            ("protocol_folder_number", &self.protocol_folder_number),
            ("protocol_folder_code", &self.protocol_folder_code),
            ("protocol_document_id", &self.protocol_document_id),
            (
                "outcome_protocol_document_id",
                &self.outcome_protocol_document_id,
            ),
            (
                "integration_outbound_protocol_document_id",
                &self.integration_outbound_protocol_document_id,
            ),
            (
                "integration_inbound_protocol_document_id",
                &self.integration_inbound_protocol_document_id,
            ),
        ];
        let external_id = self.external_id.as_ref().and_then(Option::as_deref);
        short(
            numbers
                .iter()
                .chain(&others)
                .map(|(field, text)| (*field, text.as_deref()))
                .chain([("external_id", external_id)]),
        )?;
        let blank = |text: &str| text.trim().is_empty();
        match numbers
            .iter()
            .find(|(_, number)| number.as_deref().is_some_and(blank))
        {
            Some((field, _)) => Err(Problem::field(
                field,
                "required",
                "Give the number, or leave it out.",
            )),
            None => Ok(()),
        }
    }

    /// The protocol data, by act; those that say nothing new are left out.
    fn numbers(&self, aggregate: &Aggregate) -> Vec<(ActKind, Number)> {
        let row = &aggregate.row;
        let details = &aggregate.details;
        let plain =
            |number: &Option<String>, document_id: &Option<String>, at: Option<Instant>| Number {
                number: number.clone(),
                document_id: document_id.clone(),
                at,
                ..Number::default()
            };
        let new_text = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        let same_second = |new: Option<Instant>, old: Option<Instant>| {
            new.is_none() || new.map(Instant::unix) == old.map(Instant::unix)
        };
        let mut numbers = Vec::new();
        if new_text(&self.protocol_number, &row.protocol_number)
            || new_text(&self.protocol_document_id, &details.protocol_document_id)
            || new_text(
                &self.protocol_folder_number,
                &details.protocol_folder_number,
            )
            || new_text(&self.protocol_folder_code, &details.protocol_folder_code)
            || !same_second(self.protocolled_at, row.protocolled_at)
        {
            let number = Number {
                folder_number: self.protocol_folder_number.clone(),
                folder_code: self.protocol_folder_code.clone(),
                ..plain(
                    &self.protocol_number,
                    &self.protocol_document_id,
                    self.protocolled_at,
                )
            };
            numbers.push((ActKind::Request, number));
        }
        let others = [
            (
                ActKind::IntegrationRequest,
                plain(
                    &self.integration_outbound_protocol_number,
                    &self.integration_outbound_protocol_document_id,
                    self.integration_outbound_protocolled_at,
                ),
                &details.integration_outbound,
            ),
            (
                ActKind::IntegrationResponse,
                plain(
                    &self.integration_inbound_protocol_number,
                    &self.integration_inbound_protocol_document_id,
                    self.integration_inbound_protocolled_at,
                ),
                &details.integration_inbound,
            ),
            (
                ActKind::Outcome,
                plain(
                    &self.outcome_protocol_number,
                    &self.outcome_protocol_document_id,
                    self.outcome_protocolled_at,
                ),
                &details.outcome_number,
            ),
        ];
        for (kind, number, held) in others {
            if new_text(&number.number, &held.number)
                || new_text(&number.document_id, &held.document_id)
                || !same_second(number.at, held.at)
            {
                numbers.push((kind, number));
            }
        }
        numbers
    }

    /// The first field of those that do not change which says something else than it is. Times are told in whole seconds.
    fn unchangeable(&self, aggregate: &Aggregate) -> Option<&'static str> {
        let row = &aggregate.row;
        let known = &aggregate.service;
        let is_service = |name: &String| {
            *name == row.service_id.to_string()
                || *name == known.slug
                || known.identifier.as_ref() == Some(name)
        };
        if !self.service.as_ref().is_none_or(is_service) {
            Some("service")
        } else if self.user.is_some_and(|user| user != row.user_id) {
            Some("user")
        } else if self
            .created_at
            .is_some_and(|at| at.unix() != row.created_at.unix())
        {
            Some("created_at")
        } else {
            None
        }
    }

    fn changes_data(&self, aggregate: &Aggregate) -> bool {
        self.unchangeable(aggregate).is_some()
            || self.data.is_some()
            || self.external_id.is_some()
            || self.payment_type.is_some()
            || self.status.is_some()
    }
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_with_null_is_told_from_one_that_is_missing() {
        let none: Changes = serde_json::from_value(json!({})).unwrap();
        assert!(none.external_id.is_none());
        let null: Changes = serde_json::from_value(json!({"external_id": null})).unwrap();
        assert_eq!(null.external_id, Some(None));
    }
}
