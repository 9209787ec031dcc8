//! Outcomes that an intermediary tells. The tenant follows from the body's tax code and the IUV; the signature is the permission.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::http::{Public, read_limited};
use opencity_kernel::id::PaymentId;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use serde_json::json;

use super::State;
use crate::connectors::{Connector, Outcome};
use crate::store::{debt, tenant};

/// The most bytes of a notification.
const MOST_BYTES: usize = 1024 * 1024;

/// Takes outcomes, one or several. The same one again has no effect.
#[utoipa::path(
    post, path = "/payment-proxy/{connector}/notify", operation_id = "payment-proxy.notify", tag = "payment-proxy",
    summary = "Outcomes from the intermediary",
    description = "Takes outcomes, one or several, authenticated as the intermediary does it. The same one again has no effect.",
    request_body(content = Object, description = "As the intermediary writes it", example = json!({"tax_identification_number": "77777777777", "iuv": "01234567890123456", "outcome": "paid"})),
    params(
        ("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"),
        ("X-Sandbox-Signature" = Option<String>, Header, description = "Of the connector `sandbox`: hex of HMAC-SHA256 of the body", max_length = 64),
    ),
    responses(
        (status = 200, description = "Taken", body = serde_json::Value, example = json!({"status": "ok"})),
        (status = 400, description = "Not a notification of this intermediary", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The signature is not that of a body named in it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub async fn notify(
    state: web::Data<State>,
    _public: Public,
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(&path)?;
    let body = read_limited(payload, MOST_BYTES).await?;
    let outcomes = connector.outcomes(&body).ok_or_else(|| {
        Problem::new(
            ProblemKind::MalformedJson,
            "The body is not a notification of this intermediary.",
        )
    })?;
    let signature = request
        .headers()
        .get(connector.signature_header())
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // All signatures first: nothing is applied of a notification that is not wholly the intermediary's own.
    let mut known = Vec::new();
    for outcome in outcomes {
        let tenancies = signers(&state, &*connector, &outcome.tax_code, signature, &body).await?;
        if tenancies.is_empty() {
            return Err(Problem::new(
                ProblemKind::Unauthenticated,
                "The signature is not that of a body named in the notification.",
            ));
        }
        known.push((outcome, tenancies));
    }
    for (outcome, tenancies) in known {
        for tenancy in tenancies {
            if let Some(id) = payment_of(&state, &*connector, tenancy, &outcome).await? {
                state
                    .proxy
                    .apply(tenancy, id, outcome.standing.clone())
                    .await?;
                break;
            }
        }
    }
    Ok(HttpResponse::Ok().json(json!({"status": "ok"})))
}

/// The bodies with this tax code whose secret signed the notification.
async fn signers(
    state: &State,
    connector: &dyn Connector,
    tax_code: &str,
    signature: &str,
    body: &[u8],
) -> Result<Vec<Tenancy>, Problem> {
    let (id, tax_code) = (connector.id(), tax_code.to_owned());
    let tenants = state
        .proxy
        .ctx
        .db
        .read_across::<_, DbError>("a notification names its body by tax code", move |scope| {
            tenant::by_tax_code(scope, id, &tax_code)
        })
        .await?;
    let mut signers = Vec::new();
    for tenant in tenants {
        if connector.is_authentic(&state.proxy.secret(&tenant)?, signature, body) {
            signers.push(Tenancy::from_row(tenant.tenant_id));
        }
    }
    Ok(signers)
}

async fn payment_of(
    state: &State,
    connector: &dyn Connector,
    tenancy: Tenancy,
    outcome: &Outcome,
) -> Result<Option<PaymentId>, Problem> {
    let (id, iuv, ours) = (
        connector.id(),
        outcome.iuv.clone(),
        outcome.payment.map(PaymentId::from_uuid),
    );
    let found = state
        .proxy
        .ctx
        .db
        .read::<_, DbError>(tenancy, move |scope| {
            if let Some(ours) = ours
                && debt::find(scope, ours)?.is_some_and(|debt| debt.row.connector == id)
            {
                return Ok(Some(ours));
            }
            debt::by_iuv(scope, id, &iuv)
        });
    Ok(found.await?)
}
