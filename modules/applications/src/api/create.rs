//! POST `applications`.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use opencity_contracts::service::Service;
use opencity_formio::{Form, Mode};
use opencity_kernel::auth::Auth;
use opencity_kernel::crypto::citizen_id;
use opencity_kernel::db::{DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::http::{ApiVersion, Body, Created, IdempotencyKey, Scope};
use opencity_kernel::id::{ApplicationId, FormId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind, auth, clock};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Anybody, ApplicationOut, Shown, State, address, backoffice, short};
use crate::aggregate::{self, Aggregate};
use crate::domain::Status;
use crate::engine::{self, Actor, Inputs};
use crate::forms::Forms;
use crate::store::application::{Application, Details};
use crate::store::replica::{self, Citizen};
use crate::submission::{self, Submission};

/// An application to make.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewApplication, example = json!({
    "service": "segnalazione-disservizio",
    "data": {"subject": "Buca in via Roma", "details": "Davanti al civico 3"}
}))]
pub struct NewApplication {
    /// The service: its id, identifier or slug.
    #[schema(max_length = 255)]
    pub service: String,
    /// The citizen for whom an operator sends it.
    pub user: Option<UserId>,
    /// The form's data: flat (version 1), nested (version 2), or as Form.io has them.
    #[schema(value_type = Object)]
    pub data: Option<Value>,
    /// 1000: a draft. Absent or 1900: send. 2000: send, by the back office.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4,5}$")]
    pub status: Option<Status>,
    /// When it was begun, where that is not now.
    pub created_at: Option<Instant>,
    /// What the office writes on its own form; never by a citizen.
    #[schema(value_type = Option<Object>)]
    pub backoffice_data: Option<Value>,
    /// Its id in a system outside.
    #[schema(max_length = 255)]
    pub external_id: Option<String>,
    /// The payment connector, where the service has several.
    #[schema(max_length = 255)]
    pub payment_type: Option<String>,
}

impl NewApplication {
    fn check(&self) -> Result<(), Problem> {
        short([
            ("external_id", self.external_id.as_deref()),
            ("payment_type", self.payment_type.as_deref()),
        ])
    }
}

/// What an application is made from.
#[derive(Clone)]
pub struct Ground {
    /// The service.
    pub service: Service,
    /// Its form, in its newest version.
    pub form: Option<(FormId, i32, Arc<Form>)>,
    /// The citizen who sends it.
    pub citizen: Option<Citizen>,
    /// Something that must be there has not arrived.
    incomplete: bool,
}

impl Ground {
    fn find(
        scope: &mut TenantScope<'_>,
        forms: &Forms,
        service: &str,
        user: Option<UserId>,
    ) -> DbResult<Option<Self>> {
        let Some(service) = replica::service_named(scope, service)? else {
            return Ok(None);
        };
        let form_id = form_of(&service);
        let form = match form_id {
            Some(id) => forms
                .newest(scope, id)?
                .map(|(version, form)| (id, version, form)),
            None => None,
        };
        let citizen = match user {
            Some(id) => replica::citizen(scope, id)?,
            None => None,
        };
        Ok(Some(Self {
            incomplete: form_id.is_some() && form.is_none() || user.is_some() && citizen.is_none(),
            service,
            form,
            citizen,
        }))
    }
}

/// The form of a service: that of its first step.
#[must_use]
pub fn form_of(service: &Service) -> Option<FormId> {
    service
        .flow_steps
        .iter()
        .find_map(|step| step.parameters.formio_id)
        .map(FormId::from_uuid)
}

async fn ground(
    state: &State,
    caller: &auth::Caller,
    body: &NewApplication,
) -> Result<Ground, Problem> {
    let user = if caller.is_citizen() {
        Some(caller.id).filter(|_| !caller.is_anonymous())
    } else {
        body.user
    };
    let name = body.service.clone();
    let forms = state.forms.clone();
    let find = move |scope: &mut TenantScope<'_>| Ground::find(scope, &forms, &name, user);
    let first = find.clone();
    let whole = state
        .ctx
        .find_replica(caller.tenancy(), move |scope| {
            Ok(first(scope)?.filter(|ground| !ground.incomplete))
        })
        .await?;
    if let Some(found) = whole {
        return Ok(found);
    }
    let found = state
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| find(scope))
        .await?;
    let found = found.ok_or_else(|| Problem::unknown_reference("service", "service"))?;
    if form_of(&found.service).is_some() && found.form.is_none() {
        return Err(Problem::unavailable(
            "the form of a service has not arrived",
        ));
    }
    if user.is_some() && found.citizen.is_none() {
        return Err(if caller.is_citizen() {
            submission::account_unknown()
        } else {
            Problem::unknown_reference("user", "citizen")
        });
    }
    Ok(found)
}

/// Makes an application.
#[utoipa::path(
    post, path = "/lang/api/applications", operation_id = "applications.application.create",
    tag = "applications", summary = "Send an application, or begin a draft",
    description = "Without `status`, or with 1900, it is sent, and checked against the form; with 1000 it is a draft. A citizen sends in his own name, an operator for a citizen. A service with an immediate payment leads to 1500.",
    request_body = NewApplication,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating safe", max_length = 255), ApiVersion),
    responses(
        (status = 201, description = "The application", body = ApplicationOut),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller, or a stronger login is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The external id is taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct, an unknown service, another applicant, a state that cannot be asked for", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn create(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Anybody>,
    key: IdempotencyKey,
    body: Body<NewApplication>,
) -> Result<HttpResponse, Problem> {
    let hash = body.hash;
    let people = async {
        if caller.is_service() {
            return Err(Problem::forbidden("Applications are sent by people."));
        }
        Ok(())
    };
    let mut body = body.value.read_after(people).await?;
    body.check()?;
    let state = state.get_ref().clone();
    let site = state.site(&scope);
    let shown = Shown::of(&scope);
    let ground = ground(&state, &caller, &body).await?;
    let mut relation = aggregate::relation(&caller, &ground.service);
    // Who and what come before the data; of a citizen only these say whether he is the applicant.
    if !caller.is_citizen() {
        engine::may_create(body.status, &relation)?;
    }
    if caller.is_citizen()
        && body
            .backoffice_data
            .as_ref()
            .is_some_and(|data| !data.is_null())
    {
        return Err(Problem::forbidden(
            "The back-office data are for the office alone; leave them out.",
        ));
    }
    let now = clock::now();
    submission::may_use(&ground.service, &caller, now)?;
    let mode = if body.status == Some(Status::Draft) {
        Mode::Draft
    } else {
        Mode::Submit
    };
    let form = ground.form.as_ref().map(|(_, _, form)| &**form);
    let sent = submission::read(
        body.data.as_ref(),
        form,
        mode,
        &ground.service,
        state.settings.test_bodies(),
    )?;
    relation.is_owner = caller.is_citizen() && is_own(&caller, &body, &sent, &ground);
    let payment_type = submission::payment_type(&ground.service, body.payment_type.clone())?;
    let database = state.ctx.db.clone();
    let by = caller.into_caller();
    let language = scope.language.code();
    let actor = Actor::of(&by, relation);
    let maker = by.clone();
    key.once(&database, &by, hash, move |scope| {
        let owner = owner(scope, &state, &maker, &body, &sent)?;
        let office = body.backoffice_data.take();
        body.backoffice_data = backoffice::checked(scope, &state.forms, &ground.service, office)?;
        let uploads = sent.uploads.clone();
        let mut aggregate = new_application(
            scope,
            owner,
            &maker,
            language,
            body,
            sent,
            ground,
            payment_type,
            now,
        )?;
        let requested = aggregate.1;
        let aggregate = &mut aggregate.0;
        state.claim(scope, &site, aggregate, maker.id, &uploads)?;
        engine::create(
            scope,
            &site,
            aggregate,
            &actor,
            requested,
            Inputs::default(),
        )
        .map_err(|error| match error {
            engine::EngineError::Database(DbError::Duplicate(_)) => Problem::new(
                ProblemKind::AlreadyExists,
                "Another application has this external_id; send the other one's changes by PATCH.",
            ),
            other => other.into(),
        })?;
        let location = address(&shown.base, &aggregate.row);
        let answer = state.show(scope, &shown, aggregate, &actor.relation)?;
        Created::new(location, &answer)
    })
    .await
}

/// Whether a citizen sends it in his own name.
fn is_own(
    caller: &auth::Caller,
    body: &NewApplication,
    sent: &Submission,
    ground: &Ground,
) -> bool {
    body.user.is_none_or(|user| user == caller.id)
        && ground
            .citizen
            .as_ref()
            .is_none_or(|citizen| submission::is_applicant(&sent.applicant, citizen))
}

/// Whose the application is: the citizen who sends it, the one named, or the one of the fiscal code.
fn owner(
    scope: &mut WriteScope<'_>,
    state: &State,
    caller: &auth::Caller,
    body: &NewApplication,
    sent: &Submission,
) -> Result<UserId, Problem> {
    if caller.is_citizen() {
        return Ok(caller.id);
    }
    if let Some(user) = body.user {
        return Ok(user);
    }
    let code = sent
        .applicant
        .fiscal_code
        .as_deref()
        .ok_or_else(submission::fiscal_code_missing)?;
    let id = citizen_id(
        &state.ctx.platform.citizen_ids,
        scope.tenant_id().uuid(),
        code,
    );
    Ok(replica::resolve_alias(scope, UserId::from_uuid(id))?)
}

#[allow(clippy::too_many_arguments)]
fn new_application(
    scope: &WriteScope<'_>,
    owner: UserId,
    caller: &auth::Caller,
    language: &str,
    body: NewApplication,
    sent: Submission,
    ground: Ground,
    payment_type: Option<String>,
    now: Instant,
) -> DbResult<(Aggregate, Option<Status>)> {
    let id = ApplicationId::new();
    let Ground {
        service,
        form,
        citizen,
        ..
    } = ground;
    let details = Details {
        backoffice_data: body.backoffice_data,
        authentication: submission::authentication(&caller.login),
        related_cfs: sent.related_cfs,
        ..Details::default()
    };
    let row = Application {
        tenant_id: scope.tenant_id(),
        id,
        service_id: service.id.into(),
        user_id: owner,
        user_name: submission::full_name(&sent.applicant, citizen.as_ref()),
        status: Status::Draft.code(),
        created_at: body.created_at.unwrap_or(now),
        submitted_at: None,
        status_changed_at: now,
        flow_changed_at: now,
        updated_at: now,
        operator_id: None,
        office_id: None,
        subject: Some(submission::subject(
            &service,
            &sent.data,
            &sent.applicant,
            id,
        )),
        external_id: body.external_id.filter(|id| !id.is_empty()),
        locale: language.to_owned(),
        form_id: form.as_ref().map(|(id, _, _)| *id),
        form_version: form.as_ref().map(|(_, version, _)| *version),
        submission: serde_json::to_string(&sent.data).map_err(DbError::json)?,
        protocol_number: None,
        protocolled_at: None,
        outcome: None,
        outcome_motivation: None,
        payment_type,
        payment_data: None,
        payment_origin: None,
        attempt: 0,
        current_act_id: None,
        details: String::new(),
        version: 0,
    };
    let aggregate = Aggregate {
        row,
        details,
        data: sent.data,
        service,
        acts: Vec::new(),
        payments: Vec::new(),
        files: Vec::new(),
    };
    Ok((aggregate, body.status))
}
