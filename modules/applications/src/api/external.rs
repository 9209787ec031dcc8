//! POST `applications/external`: an application of another system (*Pratica Lite*).

use actix_web::{HttpResponse, web};
use opencity_contracts::application::{
    ExternalDocument, ExternalLink, ExternalPayment, Person, Source, SourceType,
};
use opencity_contracts::service::Service;
use opencity_formio::Applicant;
use opencity_kernel::auth::{Auth, Permission};
use opencity_kernel::crypto::citizen_id;
use opencity_kernel::db::{DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::http::{ApiVersion, Body, Created, IdempotencyKey, Scope};
use opencity_kernel::id::{ApplicationId, ServiceId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::tax_code::{FiscalCode, TestBodies};
use opencity_kernel::{FieldProblem, Problem, ProblemKind, auth, clock};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Shown, State, address};
use crate::aggregate::Aggregate;
use crate::domain::Status;
use crate::engine::{self, Actor};
use crate::store::application::{Application, Details};
use crate::store::{external, replica};
use crate::submission;

/// The most characters of a short text.
const TEXT_MAX: usize = 255;
/// The most characters of an address.
const URL_MAX: usize = 2000;
/// The most documents, payments or links.
const LIST_MAX: usize = 100;

/// System operators.
#[derive(Debug)]
pub enum SystemOperator {}

impl Permission for SystemOperator {
    const NEEDS: &'static str = "a system operator";
    fn allows(caller: &auth::Caller) -> bool {
        caller.is_system_operator()
    }
}

/// What an external application is about: a text, or the person whom it concerns.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Subject {
    /// A text.
    Text(String),
    /// A person.
    Person(Person),
}

/// An application of another system, as it stands there.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "external_system": "suap", "external_id": "2026/1042",
    "service_name": "Segnalazione certificata di inizio attività", "subject": "Apertura di un bar",
    "applicant": {"tax_identification_number": "RSSMRA80A01H501U", "name": "Mario", "family_name": "Rossi"},
    "status": "4000", "created_at": "2026-11-20T10:00:00+01:00", "submitted_at": "2026-11-20T10:05:00+01:00",
    "documents": [{"title": "Domanda", "url": "https://suap.example.org/d/1", "protocol_number": "2026/77"}],
    "payments": [{"iuv": "01000000000000123", "amount": 32.5, "status": "paid"}],
    "links": [{"action": "view", "url": "https://suap.example.org/p/1042"}]
}))]
pub struct ExternalApplication {
    /// Its id there.
    #[schema(min_length = 1, max_length = 255)]
    pub external_id: String,
    /// The system, always under the same name.
    #[schema(min_length = 1, max_length = 255)]
    pub external_system: String,
    /// The service of this catalogue that it belongs to.
    pub service_id: Option<ServiceId>,
    /// Or its name, identifier or slug.
    #[schema(max_length = 255)]
    pub service_name: Option<String>,
    /// What it is about: a text, or a person.
    pub subject: Option<Subject>,
    /// Who asks; the application is his. Absent: the subject's, else the beneficiary's.
    pub applicant: Option<Person>,
    /// For whom; he sees the application too.
    pub beneficiary: Option<Person>,
    /// The state that comes closest; not 1000.
    #[schema(value_type = String, pattern = "^[0-9]{4,5}$")]
    pub status: Status,
    /// When it was begun.
    pub created_at: Option<Instant>,
    /// When it was sent.
    pub submitted_at: Option<Instant>,
    /// When it last changed there. An older one than the one told before changes nothing.
    pub updated_at: Option<Instant>,
    /// Its documents. The first protocol number among them is the application's.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub documents: Vec<ExternalDocument>,
    /// Its payments, which are paid there.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub payments: Vec<ExternalPayment>,
    /// What may be done there, one address each.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub links: Vec<ExternalLink>,
}

/// Keeps an application of another system.
#[utoipa::path(
    post, path = "/lang/api/applications/external", operation_id = "applications.external.keep",
    tag = "applications", summary = "Tell an application of another system",
    description = "A *Pratica Lite*: listed beside the others, with `source`. The same `external_system` and `external_id` are the \
        same application: it is replaced by what is told last. State, data, messages and payments stay that system's: no \
        transition, mail or document of ours follows. For system operators.",
    request_body = ExternalApplication,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating safe", max_length = 255), ApiVersion),
    responses(
        (status = 201, description = "It is new here", body = Object),
        (status = 200, description = "It was known, and is now as told", body = Object),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not a system operator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Told twice at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct, or an unknown service", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn post(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<SystemOperator>,
    key: IdempotencyKey,
    body: Body<ExternalApplication>,
) -> Result<HttpResponse, Problem> {
    let hash = body.hash;
    let told = body.value.read()?;
    told.check(state.settings.test_bodies())?;
    let service = service_of(&state, &caller, &told).await?;
    let caller = caller.into_caller();
    let state = state.get_ref().clone();
    let (site, shown) = (state.site(&scope), Shown::of(&scope));
    let language = scope.language.code();
    let database = state.ctx.db.clone();
    let by = caller.clone();
    key.once(&database, &by, hash, move |scope| {
        let before = match external::find(scope, &told.external_system, &told.external_id)? {
            Some(id) => Aggregate::load(scope, &site, id)?,
            None => None,
        };
        let is_new = before.is_none();
        let mut aggregate = match before {
            Some(known) => known,
            None => begun(scope, &told, &service, language)?,
        };
        let changed = told.apply(scope, &state, service, &mut aggregate, is_new)?;
        let relation = aggregate.relation(&caller, None);
        if let Some(from) = changed {
            if is_new {
                let row = &aggregate.row;
                external::insert(scope, &told.external_system, &told.external_id, row.id)
                    .map_err(told_twice)?;
            }
            let actor = Actor::of(&caller, relation);
            engine::keep_external(scope, &site, &mut aggregate, &actor, from)?;
        }
        let answer = state.show(scope, &shown, &aggregate, &relation)?;
        if is_new {
            Created::new(address(&shown.base, &aggregate.row), &answer)
        } else {
            Created::before(&answer)
        }
    })
    .await
}

fn told_twice(error: DbError) -> Problem {
    match error {
        DbError::Duplicate(_) => Problem::new(
            ProblemKind::Conflict,
            "Another call tells of the same application at this moment. Send this one again.",
        ),
        other => other.into(),
    }
}

async fn service_of(
    state: &State,
    caller: &auth::Caller,
    told: &ExternalApplication,
) -> Result<Service, Problem> {
    let (field, name) = match (told.service_id, &told.service_name) {
        (Some(id), _) => ("service_id", id.to_string()),
        (None, Some(name)) => ("service_name", name.clone()),
        (None, None) => {
            return Err(Problem::field(
                "service_id",
                "required",
                "Give service_id or service_name.",
            ));
        }
    };
    let find = move |scope: &mut TenantScope<'_>| match replica::service_named(scope, &name)? {
        None => replica::service_titled(scope, &name),
        found => Ok(found),
    };
    let found = state.ctx.find_replica(caller.tenancy(), find).await?;
    found.ok_or_else(|| Problem::unknown_reference(field, "service"))
}

/// An application of which nothing has been said yet.
fn begun(
    scope: &mut WriteScope<'_>,
    told: &ExternalApplication,
    service: &Service,
    language: &str,
) -> DbResult<Aggregate> {
    let now = clock::now();
    let row = Application {
        tenant_id: scope.tenant_id(),
        id: ApplicationId::new(),
        service_id: service.id.into(),
        user_id: UserId::from_uuid(uuid::Uuid::nil()),
        user_name: None,
        status: told.status.code(),
        created_at: now,
        submitted_at: None,
        status_changed_at: now,
        flow_changed_at: now,
        updated_at: now,
        operator_id: None,
        office_id: None,
        subject: None,
        external_id: None,
        locale: language.to_owned(),
        form_id: None,
        form_version: None,
        submission: json!({}).to_string(),
        protocol_number: None,
        protocolled_at: None,
        outcome: None,
        outcome_motivation: None,
        payment_type: None,
        payment_data: None,
        payment_origin: None,
        attempt: 0,
        current_act_id: None,
        details: serde_json::to_string(&Details::default()).map_err(DbError::json)?,
        version: 0,
    };
    let service = Some(service.clone());
    Aggregate::of(row, service, Vec::new(), Vec::new(), Vec::new())
}

impl ExternalApplication {
    /// The people, the owner first.
    fn people(&self) -> Vec<(&'static str, &Person)> {
        let subject = match &self.subject {
            Some(Subject::Person(person)) => Some(person),
            _ => None,
        };
        [
            ("applicant", self.applicant.as_ref()),
            ("subject", subject),
            ("beneficiary", self.beneficiary.as_ref()),
        ]
        .into_iter()
        .filter_map(|(field, person)| Some((field, person?)))
        .collect()
    }

    fn check(&self, test_bodies: TestBodies) -> Result<(), Problem> {
        let mut errors = Vec::new();
        let mut refuse = |field: String, code: &str, message: &str| {
            errors.push(FieldProblem {
                field,
                code: code.to_owned(),
                message: message.to_owned(),
            });
        };
        let texts = [
            ("external_id", &self.external_id),
            ("external_system", &self.external_system),
        ];
        for (field, text) in texts {
            if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
                refuse(field.to_owned(), "length", "Give 1 to 255 characters.");
            }
        }
        if self.status == Status::Draft {
            refuse(
                "status".to_owned(),
                "option",
                "Tell it once it was sent: a draft is nobody else's.",
            );
        }
        let people = self.people();
        if people.is_empty() {
            refuse("applicant".to_owned(), "required", "Say whose it is.");
        }
        for (field, person) in people {
            if FiscalCode::parse(&person.tax_identification_number, test_bodies).is_err() {
                refuse(
                    format!("{field}.tax_identification_number"),
                    "fiscal_code",
                    "Correct the fiscal code.",
                );
            }
        }
        let lists = [
            ("documents", self.documents.len()),
            ("payments", self.payments.len()),
            ("links", self.links.len()),
        ];
        for (field, length) in lists {
            if length > LIST_MAX {
                refuse(field.to_owned(), "length", "Give at most 100.");
            }
        }
        for (field, url) in self.urls() {
            if !is_web_address(url) {
                refuse(
                    field,
                    "url",
                    "Give an address that begins with https:// or http://.",
                );
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(errors))
        }
    }

    fn urls(&self) -> Vec<(String, &str)> {
        let mut urls = Vec::new();
        for (at, document) in self.documents.iter().enumerate() {
            urls.extend(named("documents", at, document.url.as_deref()));
        }
        for (at, payment) in self.payments.iter().enumerate() {
            urls.extend(named("payments", at, payment.url.as_deref()));
        }
        for (at, link) in self.links.iter().enumerate() {
            urls.extend(named("links", at, Some(&link.url)));
        }
        urls
    }

    /// Makes the application what is told of it. The state that it was in, if anything is new: none within for a new one.
    fn apply(
        &self,
        scope: &mut WriteScope<'_>,
        state: &State,
        service: Service,
        aggregate: &mut Aggregate,
        is_new: bool,
    ) -> Result<Option<Option<Status>>, Problem> {
        let from = aggregate.state()?;
        let known = aggregate.details.source.as_ref();
        let last_told = known.and_then(|source| source.updated_at);
        if let (Some(last), Some(told)) = (last_told, self.updated_at)
            && told.utc() < last
        {
            return Ok(None);
        }
        let before = aggregate.row.clone();
        let people = self.people();
        let Some((_, owner)) = people.first() else {
            return Err(Problem::field("applicant", "required", "Say whose it is."));
        };
        let data = data_of(owner);
        let applicant = Applicant::read(&data);
        let row = &mut aggregate.row;
        row.service_id = service.id.into();
        row.user_id = citizen_of(scope, state, owner)?;
        row.user_name = submission::full_name(&applicant, None);
        row.subject = Some(match &self.subject {
            Some(Subject::Text(text)) if !text.trim().is_empty() => text.clone(),
            _ => submission::subject(&service, &data, &applicant, row.id),
        });
        row.status = self.status.code();
        row.created_at = self.created_at.unwrap_or(row.created_at);
        row.submitted_at = self.submitted_at.or(row.submitted_at);
        row.outcome = match self.status {
            Status::CompleteWaiting | Status::Complete => Some(true),
            Status::CancelledWaiting | Status::Cancelled => Some(false),
            _ => None,
        };
        let registered = self
            .documents
            .iter()
            .find(|document| document.protocol_number.is_some());
        row.protocol_number = registered.and_then(|document| document.protocol_number.clone());
        row.protocolled_at = registered
            .and_then(|document| document.protocolled_at)
            .map(Instant::from_utc);
        row.updated_at = self.updated_at.unwrap_or(row.updated_at);
        row.submission = data.to_string();
        aggregate.details.related_cfs = people
            .iter()
            .map(|(_, person)| code_of(person))
            .filter(|code| *code != code_of(owner))
            .collect();
        aggregate.details.source = Some(self.source());
        aggregate.row.set_details(&aggregate.details)?;
        aggregate.data = data;
        aggregate.service = service;
        if !is_new && aggregate.row == before {
            return Ok(None);
        }
        let row = &mut aggregate.row;
        row.updated_at = self.updated_at.unwrap_or_else(clock::now);
        if is_new || from != self.status {
            row.status_changed_at = row.updated_at;
            row.flow_changed_at = row.updated_at;
        }
        Ok(Some((!is_new).then_some(from)))
    }

    fn source(&self) -> Source {
        Source {
            kind: SourceType::External,
            external_system: self.external_system.clone(),
            external_id: self.external_id.clone(),
            updated_at: self.updated_at.map(Instant::utc),
            subject: match &self.subject {
                Some(Subject::Person(person)) => Some(person.clone()),
                _ => None,
            },
            applicant: self.applicant.clone(),
            beneficiary: self.beneficiary.clone(),
            documents: self.documents.clone(),
            payments: self.payments.clone(),
            links: self.links.clone(),
        }
    }
}

fn named<'a>(list: &str, at: usize, url: Option<&'a str>) -> Option<(String, &'a str)> {
    url.map(|url| (format!("{list}.{at}.url"), url))
}

fn code_of(person: &Person) -> String {
    person.tax_identification_number.trim().to_uppercase()
}

/// The citizen of a fiscal code; `identity` makes him of the event if there is none.
fn citizen_of(
    scope: &mut WriteScope<'_>,
    state: &State,
    person: &Person,
) -> Result<UserId, Problem> {
    let ids = &state.ctx.platform.citizen_ids;
    let id = citizen_id(ids, scope.tenant_id().uuid(), &code_of(person));
    Ok(replica::resolve_alias(scope, UserId::from_uuid(id))?)
}

/// The applicant block that every application has.
fn data_of(person: &Person) -> Value {
    json!({"applicant": {"data": {
        "completename": {"data": {"name": person.name, "surname": person.family_name}},
        "fiscal_code": {"data": {"fiscal_code": code_of(person)}},
    }}})
}

/// Addresses are shown to people as they are: nothing but the web.
fn is_web_address(url: &str) -> bool {
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        && url.chars().count() <= URL_MAX
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}
