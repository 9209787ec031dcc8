//! `Idempotency-Key`: the answer is kept in the transaction of the effect, so that a repeated request
//! gets the same answer and has no second effect.
//!
//! The key is looked at as soon as the body's bytes are there, before anything of the body is read: a repeated
//! request gets its answer, and one with another body its refusal, whatever the body says. A request that may go
//! on holds its key by a lease until it ends.

mod lease;

use std::fmt;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use futures::future::LocalBoxFuture;
use serde::Serialize;
use tokio::sync::OnceCell;

use self::lease::{Name, Running, begin};
use super::body::RawBody;
use crate::auth::{Caller, optional_caller};
use crate::context::Platform;
use crate::db::{Database, WriteScope};
use crate::problem::Problem;

/// The key of a request, if it has one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    name: Option<Name>,
    running: Option<Rc<Running>>,
}

/// Why a request with a key does not go on: it is refused, or it has its answer already.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The key does not fit.
    Problem(Problem),
    /// The first request made this.
    Answered(Created),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => problem.fmt(f),
            Self::Answered(_) => f.write_str("answered before"),
        }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Problem(problem) => problem.status_code(),
            Self::Answered(created) => created.status(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Problem(problem) => problem.error_response(),
            Self::Answered(created) => created.clone().respond(),
        }
    }
}

/// Whether the request may go on: found out once, by whichever extractor asks first.
struct Admission {
    name: Name,
    outcome: OnceCell<Result<Option<Rc<Running>>, Refusal>>,
}

impl Admission {
    async fn outcome(&self, request: &HttpRequest) -> Result<Option<Rc<Running>>, Refusal> {
        self.outcome
            .get_or_init(|| self.admit(request))
            .await
            .clone()
    }

    async fn admit(&self, request: &HttpRequest) -> Result<Option<Rc<Running>>, Refusal> {
        let Some(body) = RawBody::of(request) else {
            return Ok(None);
        };
        let (Ok(raw), Ok(Some(caller))) = (body.read().await, optional_caller(request).await)
        else {
            // The extractor of the body or of the caller says what is wrong.
            return Ok(None);
        };
        let database = &Platform::of(request)?.database;
        let running = Rc::new(
            begin(
                database,
                self.name.clone(),
                caller.tenancy(),
                caller.key(),
                raw.hash,
            )
            .await?,
        );
        request.extensions_mut().insert(Rc::clone(&running));
        Ok(Some(running))
    }
}

/// Waits until a request may go on as far as its key goes. If it may not, this never ends: the extractor of the
/// key, which waits for the same, refuses the request.
pub(super) async fn admitted(request: &HttpRequest) {
    let admission = request.extensions().get::<Rc<Admission>>().cloned();
    if let Some(admission) = admission
        && admission.outcome(request).await.is_err()
    {
        std::future::pending::<()>().await;
    }
}

/// Frees the key of a request that has ended without making anything.
pub(super) async fn ended(request: &HttpRequest) {
    let running = request.extensions_mut().remove::<Rc<Running>>();
    if let Some(running) = running
        && let Ok(platform) = Platform::of(request)
    {
        running.release(&platform.database).await;
    }
}

impl FromRequest for IdempotencyKey {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let name = Name::of(request);
        let admission = name.as_ref().ok().and_then(Option::as_ref).map(|name| {
            Rc::new(Admission {
                name: name.clone(),
                outcome: OnceCell::new(),
            })
        });
        if let Some(admission) = &admission {
            request.extensions_mut().insert(Rc::clone(admission));
        }
        let request = request.clone();
        Box::pin(async move {
            let name = name?;
            let running = match admission {
                Some(admission) => admission.outcome(&request).await?,
                None => None,
            };
            Ok(Self { name, running })
        })
    }
}

impl Name {
    fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let Some(value) = request.headers().get("idempotency-key") else {
            return Ok(None);
        };
        let key = value
            .to_str()
            .ok()
            .map(str::trim)
            .filter(|key| (1..=255).contains(&key.len()))
            .ok_or_else(|| {
                Problem::bad_parameter("Idempotency-Key", "1 to 255 printable characters")
            })?;
        Ok(Some(Self {
            key: key.to_owned(),
            route: format!("{} {}", request.method(), request.path()),
        }))
    }
}

/// What a request made.
#[derive(Debug, Clone)]
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

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::CREATED)
    }

    fn respond(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.content_type("application/json");
        if let Some(location) = &self.location {
            response.insert_header(("Location", location.as_str()));
        }
        response.body(self.body)
    }
}

impl IdempotencyKey {
    /// Does the work once per key: in one transaction with the kept answer. `body_hash` is the body's
    /// ([`Body::hash`](super::Body)); empty where there is none.
    ///
    /// # Errors
    /// The work's own, `idempotency-mismatch` if the key came with another body, or `idempotency-running` if the
    /// first request with it has not ended.
    pub async fn once(
        self,
        database: &Database,
        caller: &Caller,
        body_hash: String,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<Created, Problem> + Send + 'static,
    ) -> Result<HttpResponse, Problem> {
        let Some(name) = self.name else {
            return Ok(database.write(caller.tenancy(), work).await?.respond());
        };
        let running = match self.running {
            Some(running) => running.as_ref().clone(),
            // The operation has no body that it could have been looked at with.
            None => match begin(database, name, caller.tenancy(), caller.key(), body_hash).await {
                Ok(running) => running,
                Err(Refusal::Answered(created)) => return Ok(created.respond()),
                Err(Refusal::Problem(problem)) => return Err(problem),
            },
        };
        let held = running.clone();
        let created = database
            .write(running.tenancy, move |scope| {
                let created = work(scope)?;
                held.keep(scope, &created)?;
                Ok(created)
            })
            .await;
        if created.is_err() {
            running.release(database).await;
        }
        created.map(Created::respond)
    }
}

#[cfg(test)]
mod tests;
