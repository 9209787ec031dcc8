//! `applications/bulk`: the same work on many applications, asked for in one call.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::message::Visibility;
use opencity_kernel::auth::{self, Auth, Permission};
use opencity_kernel::db::{DbError, DbResult};
use opencity_kernel::http::{Body, Collection, Created, IdempotencyKey, PageQuery, Scope};
use opencity_kernel::id::{ApplicationId, OfficeId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{FieldProblem, Problem, clock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

mod single;

use super::State;
use super::change::{TOO_LONG, fits};
use crate::bulk::TASK;
use crate::store::bulk::{self, BulkId, BulkRow, ItemRow};

pub(crate) use single::work_on;

/// The most applications of one call.
const MOST: usize = 1000;

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/{tenant}/api/applications/bulk")
                .route(web::get().to(list))
                .route(web::post().to(post)),
        )
        .service(web::resource("/{tenant}/api/applications/bulk/{bulk}").route(web::get().to(get)));
}

/// The API description.
#[derive(OpenApi)]
#[openapi(paths(post, list, get))]
pub struct Doc;

/// Operators and administrators of the body.
#[derive(Debug)]
pub enum Office {}

impl Permission for Office {
    const NEEDS: &'static str = "an operator or an administrator of the body";
    fn allows(caller: &auth::Caller) -> bool {
        matches!(
            caller.kind,
            auth::CallerKind::Operator(_) | auth::CallerKind::Administrator(_)
        )
    }
}

/// What is done to each application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BulkAction {
    /// Accept.
    Accept,
    /// Reject.
    Reject,
    /// Take in charge, or assign to somebody else.
    Assign,
    /// Write a message.
    Message,
}

/// Work on many applications. Beside action and ids come the keys of the single call.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "action": "reject", "ids": ["01957f1f-2370-770e-9132-1729a8e91419"], "message": "I fondi sono esauriti."
}))]
pub struct BulkIn {
    /// `accept`, `reject`, `assign`, `message`.
    pub action: BulkAction,
    /// The applications; one named twice is worked once.
    #[schema(min_items = 1, max_items = 1000)]
    pub ids: Vec<ApplicationId>,
    /// The outcome's motivation, the note of the assignment, the message.
    #[schema(max_length = 50000)]
    pub message: Option<String>,
    /// A message's subject.
    #[schema(max_length = 255)]
    pub subject: Option<String>,
    /// A message's visibility: `internal` (default) or `applicant`.
    #[schema(value_type = Option<String>, max_length = 9)]
    pub visibility: Option<Visibility>,
    /// The operator of an assignment; neither he nor an office: the caller.
    pub user_id: Option<UserId>,
    /// The office of an assignment.
    pub user_group_id: Option<OfficeId>,
    /// Not taken: files go with a single call.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>, max_items = 0)]
    pub attachments: Vec<Value>,
}

/// What goes with the action.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkInput {
    /// The outcome's motivation, the note of the assignment, the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A message's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// A message's visibility.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The operator of an assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The office of an assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_group_id: Option<OfficeId>,
}

impl BulkIn {
    fn input(&self) -> BulkInput {
        BulkInput {
            message: self.message.clone(),
            subject: self.subject.clone(),
            visibility: self.visibility,
            user_id: self.user_id,
            user_group_id: self.user_group_id,
        }
    }

    fn check(&self) -> Result<(), Problem> {
        let mut errors = Vec::new();
        let mut refuse = |field: &str, code: &str, message: &str| {
            errors.push(FieldProblem {
                field: field.to_owned(),
                code: code.to_owned(),
                message: message.to_owned(),
            });
        };
        if self.ids.is_empty() || self.ids.len() > MOST {
            refuse("ids", "length", "Name 1 to 1000 applications.");
        }
        if !self.attachments.is_empty() {
            refuse(
                "attachments",
                "length",
                "Leave the files out, or call for each application.",
            );
        }
        if !self.message.as_deref().is_none_or(fits) {
            refuse("message", "max_length", TOO_LONG);
        }
        let written = self
            .message
            .as_deref()
            .is_some_and(|text| !text.trim().is_empty());
        if self.action == BulkAction::Message && !written {
            refuse("message", "required", "Write something.");
        }
        if self
            .subject
            .as_deref()
            .is_some_and(|text| text.chars().count() > 255)
        {
            refuse("subject", "length", "Give at most 255 characters.");
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(errors))
        }
    }
}

/// How bulk work stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOut {
    /// The work.
    #[schema(value_type = String, format = Uuid)]
    pub id: BulkId,
    /// What is done to each application.
    #[schema(max_length = 7)]
    pub action: String,
    /// What goes with it.
    #[schema(value_type = Object)]
    pub input: Value,
    /// `pending`, `running`, `finished`.
    #[schema(max_length = 8)]
    pub status: &'static str,
    /// How far it is.
    pub progress: Progress,
    /// Who asked for it.
    pub requested_by: UserId,
    /// His name.
    #[schema(max_length = 511)]
    pub requested_by_name: Option<String>,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it began.
    pub started_at: Option<Instant>,
    /// When it was through.
    pub ended_at: Option<Instant>,
}

/// How far bulk work is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Progress {
    /// To how many applications it was done.
    pub done: i32,
    /// For how many it was refused.
    pub refused: i32,
    /// Applications in all.
    pub total: i32,
}

impl BulkOut {
    fn of(row: BulkRow) -> DbResult<Self> {
        Ok(Self {
            id: row.id,
            action: row.action,
            input: serde_json::from_str(&row.input).map_err(DbError::json)?,
            status: match (row.started_at, row.ended_at) {
                (_, Some(_)) => "finished",
                (Some(_), None) => "running",
                (None, None) => "pending",
            },
            progress: Progress {
                done: row.done,
                refused: row.refused,
                total: row.total,
            },
            requested_by: row.requested_by,
            requested_by_name: row.requested_name,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}

/// What became of one application.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkResult {
    /// The application.
    pub id: ApplicationId,
    /// `pending`, `done`, `refused`.
    #[schema(max_length = 7)]
    pub status: String,
    /// Why it was refused, as the single call says it.
    #[schema(value_type = Option<Object>)]
    pub problem: Option<Value>,
    /// When it was settled.
    pub at: Option<Instant>,
}

impl BulkResult {
    fn of(row: ItemRow) -> DbResult<Self> {
        let problem = row
            .problem
            .map(|text| serde_json::from_str(&text).map_err(DbError::json))
            .transpose()?;
        Ok(Self {
            id: row.application_id,
            status: row.status,
            problem,
            at: row.at,
        })
    }
}

/// Bulk work with a page of its results.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkWithResults {
    /// How it stands.
    #[serde(flatten)]
    pub bulk: BulkOut,
    /// What became of its applications, in the order in which they were named.
    pub results: Collection<BulkResult>,
}

/// Asks for work on many applications.
#[utoipa::path(
    post, path = "/lang/api/applications/bulk", operation_id = "applications.bulk.create",
    tag = "applications", summary = "Accept, reject, assign or message many applications",
    description = "The work is done in the background, each application by itself and with the rules and refusals of the single call, \
        by the rights that the caller has at that moment. What is refused for one application holds none of the others back. No files \
        go with it.",
    request_body = BulkIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating safe", max_length = 255)),
    responses(
        (status = 201, description = "Asked for; Location says where its progress is", body = BulkOut),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an operator or an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn post(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Office>,
    key: IdempotencyKey,
    body: Body<BulkIn>,
) -> Result<HttpResponse, Problem> {
    let asked = body.value.read()?;
    asked.check()?;
    let base = scope.api("applications/bulk");
    let caller = caller.into_caller();
    let by = caller.clone();
    let answer = key
        .once(&state.ctx.db, &by, body.hash, move |scope| {
            let mut seen = std::collections::HashSet::new();
            let ids: Vec<ApplicationId> = asked
                .ids
                .iter()
                .copied()
                .filter(|id| seen.insert(*id))
                .collect();
            let name = match &caller.kind {
                auth::CallerKind::Operator(known) | auth::CallerKind::Administrator(known) => {
                    known.full_name.clone()
                }
                _ => None,
            };
            let row = BulkRow {
                tenant_id: scope.tenant_id(),
                id: BulkId::new(),
                action: word(asked.action)?,
                input: serde_json::to_string(&asked.input()).map_err(DbError::json)?,
                requested_by: caller.id,
                requested_name: name,
                login: serde_json::to_string(&caller.login).map_err(DbError::json)?,
                total: i32::try_from(ids.len()).unwrap_or(i32::MAX),
                done: 0,
                refused: 0,
                created_at: clock::now(),
                started_at: None,
                ended_at: None,
            };
            bulk::insert(scope, &row, &ids)?;
            Created::new(format!("{base}/{}", row.id), &BulkOut::of(row)?)
        })
        .await?;
    state.ctx.platform.wakes.wake(TASK);
    Ok(answer)
}

fn word(action: BulkAction) -> DbResult<String> {
    let value = serde_json::to_value(action).map_err(DbError::json)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

/// Lists bulk work.
#[utoipa::path(
    get, path = "/lang/api/applications/bulk", operation_id = "applications.bulk.list",
    tag = "applications", summary = "The bulk work that the caller asked for",
    description = "Administrators see everybody's.",
    params(
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100_000),
        ("limit" = Option<i64>, Query, description = "Entries of a page", minimum = 1, maximum = 100),
        ("sort" = Option<String>, Query, description = "ASC (oldest first) or DESC", max_length = 4),
        ("cursor" = Option<String>, Query, description = "Where the page before ended: from its next link", max_length = 100),
    ),
    responses(
        (status = 200, description = "A page", body = Collection<BulkOut>),
        (status = 400, description = "A parameter that is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an operator or an administrator", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Office>,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let after = cursor::<BulkId>(&query)?;
    let base = scope.api("applications/bulk");
    let of = (!caller.is_administrator()).then_some(caller.id);
    let page = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let (mut rows, count) = bulk::page(scope, of, &query, after)?;
            let more = cut(&mut rows, &query);
            let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
            let data = rows
                .into_iter()
                .map(BulkOut::of)
                .collect::<DbResult<Vec<_>>>()?;
            Ok(Collection::new(&query, &base, count, data, next))
        })
        .await?;
    Ok(HttpResponse::Ok().json(page))
}

/// Gives bulk work.
#[utoipa::path(
    get, path = "/lang/api/applications/bulk/{bulk}", operation_id = "applications.bulk.get",
    tag = "applications", summary = "How far bulk work is, and what became of each application",
    description = "For whoever asked for it, and administrators.",
    params(
        ("bulk" = String, Path, description = "The work", format = Uuid),
        ("status" = Option<String>, Query, description = "Only the results that are pending, done or refused", max_length = 7),
        ("offset" = Option<i64>, Query, description = "Results to pass over", minimum = 0, maximum = 100_000),
        ("limit" = Option<i64>, Query, description = "Results of a page", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "Where the page before ended: from its next link", max_length = 100),
    ),
    responses(
        (status = 200, description = "The work", body = BulkWithResults),
        (status = 400, description = "A parameter that is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an operator or an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such work of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get(
    request: HttpRequest,
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Office>,
    path: web::Path<(String, BulkId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let query = PageQuery::of(&request)?;
    let after = cursor::<i32>(&query)?;
    let status = match query.parameter("status") {
        None => None,
        Some(name) => Some(
            [bulk::PENDING, bulk::DONE, bulk::REFUSED]
                .into_iter()
                .find(|known| *known == name)
                .ok_or_else(|| Problem::bad_parameter("status", "pending, done or refused"))?,
        ),
    };
    let base = scope.api(&format!("applications/bulk/{id}"));
    let caller = caller.into_caller();
    let found = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let bulk = bulk::find(scope, id)?
                .filter(|row| caller.is_administrator() || row.requested_by == caller.id)
                .ok_or_else(|| Problem::not_found("bulk work"))?;
            let (mut rows, count) = bulk::items(scope, id, status, &query, after)?;
            let more = cut(&mut rows, &query);
            let next = rows
                .last()
                .filter(|_| more)
                .map(|row| row.position.to_string());
            let data = rows
                .into_iter()
                .map(BulkResult::of)
                .collect::<DbResult<Vec<_>>>()?;
            Ok(BulkWithResults {
                bulk: BulkOut::of(bulk)?,
                results: Collection::new(&query, &base, count, data, next),
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(found))
}

fn cursor<T: std::str::FromStr>(query: &PageQuery) -> Result<Option<T>, Problem> {
    let refuse = |_| Problem::bad_parameter("cursor", "the cursor of a next link, unchanged");
    let read = |text: &str| text.parse::<T>().map_err(|_| ()).map_err(refuse);
    query.cursor.as_deref().map(read).transpose()
}

/// Cuts a page to its length; whether there was more.
fn cut<T>(rows: &mut Vec<T>, query: &PageQuery) -> bool {
    let limit = usize::try_from(query.limit).unwrap_or_default();
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}
