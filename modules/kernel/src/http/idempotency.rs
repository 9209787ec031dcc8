//! `Idempotency-Key`: the answer is kept in the transaction of the effect, so that a repeated request
//! gets the same answer and has no second effect.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use diesel::prelude::*;
use futures::future::{Ready, ready};
use serde::Serialize;

use crate::auth::Caller;
use crate::clock;
use crate::db::kernel_tables::kernel_idempotency;
use crate::db::{Database, DbError, WriteScope};
use crate::id::TenantId;
use crate::instant::Instant;
use crate::problem::{Problem, ProblemKind};

/// The key of a request, if it has one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    key: Option<String>,
    route: String,
}

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let key = request.headers().get("idempotency-key").map(|value| {
            value
                .to_str()
                .ok()
                .map(str::trim)
                .filter(|key| (1..=255).contains(&key.len()))
                .map(str::to_owned)
                .ok_or_else(|| {
                    Problem::bad_parameter("Idempotency-Key", "1 to 255 printable characters")
                })
        });
        ready(key.transpose().map(|key| Self {
            key,
            route: format!("{} {}", request.method(), request.path()),
        }))
    }
}

/// What a request made.
#[derive(Debug)]
pub struct Created {
    status: u16,
    location: Option<String>,
    body: String,
}

impl Created {
    /// 201 with the new object and its address.
    ///
    /// # Errors
    /// If the object has no JSON form.
    pub fn new<T: Serialize>(
        location: impl Into<Option<String>>,
        body: &T,
    ) -> Result<Self, Problem> {
        Ok(Self {
            status: 201,
            location: location.into(),
            body: serde_json::to_string(body).map_err(Problem::internal)?,
        })
    }

    /// 200 with an object that was there before.
    ///
    /// # Errors
    /// If the object has no JSON form.
    pub fn before<T: Serialize>(body: &T) -> Result<Self, Problem> {
        Ok(Self {
            status: 200,
            ..Self::new(None, body)?
        })
    }

    fn respond(self) -> HttpResponse {
        let status = actix_web::http::StatusCode::from_u16(self.status)
            .unwrap_or(actix_web::http::StatusCode::CREATED);
        let mut response = HttpResponse::build(status);
        response.content_type("application/json");
        if let Some(location) = &self.location {
            response.insert_header(("Location", location.as_str()));
        }
        response.body(self.body)
    }
}

#[derive(Insertable)]
#[diesel(table_name = kernel_idempotency)]
struct Kept {
    tenant_id: TenantId,
    principal: String,
    route: String,
    key: String,
    body_hash: String,
    status: i32,
    location: Option<String>,
    answer: String,
    created_at: Instant,
}
crate::tenant_rows!(Kept);

impl IdempotencyKey {
    /// Does the work once per key: in one transaction with the kept answer.
    ///
    /// # Errors
    /// The work's own, or [`ProblemKind::IdempotencyMismatch`] if the key came with another body.
    pub async fn once(
        self,
        database: &Database,
        caller: &Caller,
        body_hash: String,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<Created, Problem> + Send + 'static,
    ) -> Result<HttpResponse, Problem> {
        let principal = caller.key();
        let created = database
            .write(caller.tenancy(), move |scope| {
                let Some(key) = self.key else { return work(scope) };
                if let Some(answer) = kept(scope, &principal, &self.route, &key, &body_hash)? {
                    return Ok(answer);
                }
                let created = work(scope)?;
                let row = Kept {
                    tenant_id: scope.tenant_id(),
                    principal,
                    route: self.route,
                    key,
                    body_hash,
                    status: i32::from(created.status),
                    location: created.location.clone(),
                    answer: created.body.clone(),
                    created_at: clock::now(),
                };
                // Two at the same time: the loser is undone whole, and told to repeat.
                match scope.insert(kernel_idempotency::table, &row) {
                    Ok(()) => Ok(created),
                    Err(DbError::Duplicate(_)) => Err(Problem::new(
                        ProblemKind::IdempotencyRunning,
                        "The first request with this key ended at this moment. Repeat to get its answer.",
                    )),
                    Err(error) => Err(error.into()),
                }
            })
            .await?;
        Ok(created.respond())
    }
}

fn kept(
    scope: &mut WriteScope<'_>,
    principal: &str,
    route: &str,
    key: &str,
    body_hash: &str,
) -> Result<Option<Created>, Problem> {
    let row: Option<(String, i32, Option<String>, String)> =
        scope.find(kernel_idempotency::table, |rows| {
            rows.filter(kernel_idempotency::principal.eq(principal))
                .filter(kernel_idempotency::route.eq(route))
                .filter(kernel_idempotency::key.eq(key))
                .select((
                    kernel_idempotency::body_hash,
                    kernel_idempotency::status,
                    kernel_idempotency::location,
                    kernel_idempotency::answer,
                ))
        })?;
    match row {
        None => Ok(None),
        Some((hash, status, location, body)) if hash == body_hash => Ok(Some(Created {
            status: u16::try_from(status).unwrap_or(201),
            location,
            body,
        })),
        Some(_) => Err(Problem::new(
            ProblemKind::IdempotencyMismatch,
            "This Idempotency-Key came with another body before. Use a new key for a new request.",
        )),
    }
}
