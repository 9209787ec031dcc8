//! The payment of an application, and its outcome as an external component tells it.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::http::{Body, Scope};
use opencity_kernel::id::{ApplicationId, PaymentId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::change::{change, may};
use super::{Anybody, State, viewed};
use crate::domain::{Action, PaymentStatus};
use crate::engine::Inputs;
use crate::store::payment::PaymentRow;

/// The payment of an application.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApplicationPayment)]
pub struct Payment {
    /// The payment.
    pub id: PaymentId,
    /// What is paid.
    #[schema(max_length = 140)]
    pub reason: Option<String>,
    /// Its state.
    #[schema(max_length = 40, example = "PAYMENT_PENDING")]
    pub status: String,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// The ways to pay, while it can be paid.
    #[schema(value_type = Object)]
    pub links: Value,
}

impl Payment {
    fn of(row: &PaymentRow) -> Option<Self> {
        let payable = matches!(
            row.reported(),
            Ok(PaymentStatus::PaymentPending | PaymentStatus::PaymentStarted)
        );
        let links = row
            .links
            .as_deref()
            .filter(|_| payable)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_else(|| json!({}));
        Some(Self {
            id: row.payment_id?,
            reason: row.reason.clone(),
            status: row.status.clone(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            links,
        })
    }
}

/// What an external payment component tells.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PaymentOutcome, example = json!({"status": "OK", "status_code": "200", "status_message": "Pagato", "data": {}}))]
pub struct Outcome {
    /// `OK`; anything else means failed.
    #[schema(max_length = 20)]
    pub status: String,
    /// The component's own code; not kept, as all that follows.
    #[serde(rename = "status_code")]
    #[schema(value_type = String, max_length = 255)]
    pub _status_code: Value,
    /// In words.
    #[serde(rename = "status_message")]
    #[schema(max_length = 1000)]
    pub _status_message: String,
    /// Whatever else it says.
    #[serde(rename = "data")]
    #[schema(value_type = Option<Object>)]
    pub _data: Option<Value>,
}

type Path = web::Path<(String, ApplicationId)>;

/// The payment of an application.
#[utoipa::path(
    get, path = "/lang/api/applications/{id}/payment", operation_id = "applications.payment.get",
    tag = "applications", summary = "The payment of an application",
    description = "The payment of the present attempt, in the form of the payment event.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "The payment", body = Payment),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It may not be seen", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application, or it has no payment", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let id = path.into_inner().1;
    let base = scope.base_url;
    let payment = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let (aggregate, _) = viewed(scope, &base, &caller, id)?;
            // The newest attempt; its amount comes before its stamps.
            let attempt = aggregate.row.attempt;
            let mut rows = aggregate
                .payments
                .iter()
                .filter(|row| row.attempt == attempt);
            rows.find_map(Payment::of)
                .ok_or_else(|| Problem::not_found("payment"))
        })
        .await?;
    Ok(HttpResponse::Ok().json(payment))
}

/// The outcome of the payment.
#[utoipa::path(
    post, path = "/lang/api/applications/{id}/payment", operation_id = "applications.payment.outcome",
    tag = "applications", summary = "Tell the outcome of the payment (external payment components)",
    description = "For payment components outside; the platform's own proxies tell it by events. The same outcome again has no effect.",
    params(("id" = ApplicationId, Path, description = "The application")),
    request_body = Outcome,
    responses(
        (status = 200, description = "Done; the same outcome again has no effect", body = Vec<String>, example = json!(["Application Payment Modified Successfully"])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for a system operator or a service credential", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No payment is open, or fields to correct", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn post(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Anybody>,
    path: Path,
    body: Body<Outcome>,
) -> Result<HttpResponse, Problem> {
    let (id, caller) = (path.into_inner().1, caller.into_caller());
    let action = Action::PaymentOutcome { ok: true };
    let may = may(&state, &scope, &caller, id, action);
    let ok = body.value.read_after(may).await?.status == "OK";
    change(&state, &scope, caller, id, move |work| {
        let told = work.aggregate.details.payment_outcome;
        let again =
            told.is_some_and(|told| told.ok == ok && told.attempt == work.aggregate.row.attempt);
        let action = Action::PaymentOutcome { ok };
        if again {
            return work.check(action, crate::aggregate::Circumstances::default());
        }
        work.apply(action, Inputs::default())
    })
    .await?;
    Ok(HttpResponse::Ok().json(["Application Payment Modified Successfully"]))
}
