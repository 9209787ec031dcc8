//! What operators and other modules do with a payment.

use actix_web::{HttpResponse, web};
use opencity_contracts::payment::PaymentStatus;
use opencity_kernel::auth::{Auth, Caller, Internal, Staff};
use opencity_kernel::clock;
use opencity_kernel::http::{OptionalBody, patched};
use opencity_kernel::id::PaymentId;
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{FieldProblem, Problem, ProblemKind};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{State, shown};
use crate::domain::outcome::{Effect, Standing, apply};
use crate::proxy::Told;
use crate::store::debt::{self, Debt};

type At = web::Path<(String, PaymentId)>;

async fn found(
    state: &State,
    caller: &Caller,
    (connector, id): (String, PaymentId),
) -> Result<Debt, Problem> {
    state.connector(&connector)?;
    let debt = state
        .proxy
        .ctx
        .find_replica(caller.tenancy(), move |scope| debt::find(scope, id))
        .await?
        .filter(|debt| debt.row.connector == connector)
        .ok_or_else(|| Problem::not_found("payment"))?;
    if caller.administrates_body()
        || caller.is_system_operator()
        || caller.is_service()
        || caller.works_service(debt.row.service_id)
    {
        Ok(debt)
    } else {
        Err(Problem::forbidden(
            "This operation needs an operator of the payment's service, or an administrator.",
        ))
    }
}

fn illegal(status: PaymentStatus) -> Problem {
    let allowed: Vec<&str> = status.next().iter().map(|next| next.as_str()).collect();
    Problem::new(
        ProblemKind::IllegalTransition,
        "The payment's state does not allow this. The keys state and allowed say what can be done.",
    )
    .with("state", status.as_str())
    .with("allowed", json!(allowed))
}

/// Asks the intermediary how the payment stands, now.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/update/{id}", operation_id = "payment-proxy.payment.update", tag = "payment-proxy",
    summary = "Check a payment now (internal)",
    description = "Asks the intermediary how the payment stands, now. For other modules and system operators.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "The payment, in the form of the payment event 2.0", body = serde_json::Value, example = json!({"id": "68dada78-2398-4a11-b80a-98aaede3371c", "status": "COMPLETE"})),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither a service credential nor a system operator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown payment", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn update_payment(
    state: web::Data<State>,
    caller: Auth<Internal>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let debt = found(&state, &caller, at.into_inner()).await?;
    let checked = state.proxy.check(&debt).await?;
    Ok(HttpResponse::Ok().json(shown(caller.tenant_id(), &checked.payment)?))
}

/// A payment that was made otherwise.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"paid_at": "2025-03-10T09:20:11+01:00", "transaction_id": "bonifico 123"}))]
pub struct ConfirmIn {
    /// When it was paid; now, unless it is said.
    #[serde(default)]
    pub paid_at: Option<Instant>,
    /// By which it can be found again.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub transaction_id: Option<String>,
}

/// Registers that a payment was made otherwise. The debt at the intermediary is cancelled: what was paid has another IUV.
#[utoipa::path(
    patch, path = "/payment-proxy/{connector}/confirm/{id}", operation_id = "payment-proxy.payment.confirm", tag = "payment-proxy",
    summary = "Register a payment made otherwise",
    description = "The debt at the intermediary is cancelled: what was paid has another IUV.", request_body = Option<ConfirmIn>,
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an operator of the service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown payment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The payment's state does not allow it", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn confirm_payment(
    state: web::Data<State>,
    caller: Auth<Staff>,
    at: At,
    body: OptionalBody<ConfirmIn>,
) -> Result<HttpResponse, Problem> {
    let debt = found(&state, &caller, at.into_inner()).await?;
    let body = body.value.read()?;
    if body
        .transaction_id
        .as_ref()
        .is_some_and(|id| id.chars().count() > 255)
    {
        return Err(Problem::validation(vec![FieldProblem {
            field: "transaction_id".to_owned(),
            code: "length".to_owned(),
            message: "Give at most 255 characters.".to_owned(),
        }]));
    }
    if !debt.payment.status.can_become(PaymentStatus::Complete) {
        return Err(illegal(debt.payment.status));
    }
    let standing = Standing::Paid {
        paid_at: body.paid_at.unwrap_or_else(clock::now).utc(),
        transaction_id: body.transaction_id,
    };
    let confirmed = state
        .proxy
        .change(caller.tenancy(), debt.row.id, move |_, debt| {
            if apply(&mut debt.payment, &standing) != Effect::Changed {
                return Ok(Told::Nothing);
            }
            debt.row.next_check_at = None;
            debt.row.cancel_at = Some(clock::now());
            Ok(Told::Event)
        });
    let confirmed = confirmed.await?;
    state
        .proxy
        .ctx
        .platform
        .wakes
        .wake(crate::proxy::DEBTS_TASK);
    match confirmed.payment.status {
        PaymentStatus::Complete => Ok(patched()),
        other => Err(illegal(other)),
    }
}

/// Cancels the open debt, at the intermediary too.
#[utoipa::path(
    patch, path = "/payment-proxy/{connector}/cancel/{id}", operation_id = "payment-proxy.payment.cancel", tag = "payment-proxy",
    summary = "Cancel a payment",
    description = "Cancels the open debt, at the intermediary too. Done twice it has no further effect.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "Done, or done before", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an operator of the service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown payment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The payment's state does not allow it, e.g. it is paid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The intermediary failed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn cancel_payment(
    state: web::Data<State>,
    caller: Auth<Staff>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let debt = found(&state, &caller, at.into_inner()).await?;
    if debt.payment.status == PaymentStatus::Canceled {
        return Ok(patched());
    }
    if !debt.payment.status.can_become(PaymentStatus::Canceled) {
        return Err(illegal(debt.payment.status));
    }
    let cancelled = state.proxy.cancel(&debt).await?;
    match cancelled.payment.status {
        PaymentStatus::Canceled => Ok(patched()),
        other => Err(illegal(other)),
    }
}
