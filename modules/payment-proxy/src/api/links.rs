//! Public links: whoever has the link of a payment may follow it. Ids are random, answers are not kept, requests are counted.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use opencity_contracts::payment::{OpenedLink, PaymentLinks, PaymentStatus};
use opencity_kernel::clock;
use opencity_kernel::db::DbError;
use opencity_kernel::http::Public;
use opencity_kernel::id::PaymentId;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};

use super::limit::Left;
use super::{State, failed, redirect};
use crate::connectors::Document;
use crate::proxy::{Told, tenancy_of};
use crate::store::debt::Debt;

type At = web::Path<(String, PaymentId)>;

async fn found(
    state: &State,
    (connector, id): (String, PaymentId),
) -> Result<(Debt, Left), Problem> {
    state.connector(&connector)?;
    let left = state.limiter.pass(id)?;
    let debt = state.proxy.by_link(&connector, id).await?;
    Ok((debt.ok_or_else(|| Problem::not_found("payment"))?, left))
}

/// Leads to the intermediary's payment page; the payment is then `PAYMENT_STARTED`. What cannot be paid any more leads back.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/online-payment/{id}", operation_id = "payment-proxy.link.online-payment", tag = "payment-proxy",
    summary = "Pay online",
    description = "Leads to the intermediary's payment page; the payment is then `PAYMENT_STARTED`. What cannot be paid any more leads back. Public for whoever has the link.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 302, description = "To the payment page, or back when there is nothing to pay"),
        (status = 404, description = "Unknown payment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Followed too often", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The intermediary failed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
    extensions(("x-rate-limited" = json!(true)))
)]
pub async fn online_payment(
    state: web::Data<State>,
    _public: Public,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (debt, left) = found(&state, at.into_inner()).await?;
    Ok(left.told_by(begin(&state, debt).await?))
}

async fn begin(state: &State, debt: Debt) -> Result<HttpResponse, Problem> {
    if !debt.payment.status.is_payable() {
        return back(state, &debt).await;
    }
    let page = match &debt.row.page_url {
        Some(page) => page.clone(),
        None => page_of_due(state, &debt).await?,
    };
    let kept = page.clone();
    let opened = state
        .proxy
        .change(tenancy_of(&debt), debt.row.id, move |_, debt| {
            debt.row.page_url = Some(kept.clone());
            if !debt.payment.status.is_payable() {
                return Ok(Told::Nothing);
            }
            open(&mut debt.payment.links.online_payment_begin);
            if debt.payment.status == PaymentStatus::PaymentPending {
                debt.payment.status = PaymentStatus::PaymentStarted;
                return Ok(Told::Event);
            }
            Ok(Told::Quietly)
        });
    let opened = opened.await?;
    if opened.payment.status.is_payable() {
        Ok(redirect(&page))
    } else {
        back(state, &opened).await
    }
}

/// A due has no page here until somebody wants to pay it.
async fn page_of_due(state: &State, debt: &Debt) -> Result<String, Problem> {
    let (proxy, payment) = (state.proxy.clone(), debt.payment.clone());
    let served = state
        .proxy
        .ctx
        .db
        .read::<_, DbError>(tenancy_of(debt), move |scope| proxy.served(scope, &payment))
        .await?
        .ok_or_else(|| Problem::not_found("active configuration of the connector"))?;
    let site = state.proxy.ctx.tenant(tenancy_of(debt)).await?;
    let position = state.proxy.position(&debt.payment, &served, &site)?;
    let created = served.connector.create(&position).await;
    created
        .map(|position| position.page_url)
        .map_err(|error| failed(served.connector.id(), error))
}

fn open(link: &mut OpenedLink) {
    link.last_opened_at = Some(clock::now().utc());
}

/// To where the application wants the citizen, or to the body's site.
async fn back(state: &State, debt: &Debt) -> Result<HttpResponse, Problem> {
    match &debt.payment.links.online_payment_landing.url {
        Some(url) => Ok(redirect(url)),
        None => {
            let site = state.proxy.ctx.tenant(tenancy_of(debt)).await?;
            Ok(redirect(&format!(
                "{}/lang/",
                state.proxy.ctx.platform.public_url(&site)
            )))
        }
    }
}

/// The citizen comes back from the payment page: the payment's state is asked for now, so that what he sees is true.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/landing/{id}", operation_id = "payment-proxy.link.landing", tag = "payment-proxy",
    summary = "Return from the payment page",
    description = "The payment's state is asked for now, so that what the citizen sees on return is true. Public for whoever has the link.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 302, description = "To the application's page"),
        (status = 404, description = "Unknown payment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Followed too often", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
    extensions(("x-rate-limited" = json!(true)))
)]
pub async fn landing(
    state: web::Data<State>,
    _public: Public,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (debt, left) = found(&state, at.into_inner()).await?;
    // A failure is in the log, and the next check asks again: the citizen goes on.
    let checked = match state.proxy.check(&debt).await {
        Ok(checked) => checked,
        Err(crate::proxy::ProxyError::Database(error)) => return Err(error.into()),
        Err(_) => debt,
    };
    mark(&state, &checked, |links| &mut links.online_payment_landing).await?;
    Ok(left.told_by(back(&state, &checked).await?))
}

async fn mark(
    state: &State,
    debt: &Debt,
    link: impl Fn(&mut PaymentLinks) -> &mut OpenedLink + Clone + Send + 'static,
) -> Result<(), Problem> {
    let marked = state
        .proxy
        .change(tenancy_of(debt), debt.row.id, move |_, debt| {
            open(link(&mut debt.payment.links));
            Ok(Told::Quietly)
        });
    marked.await?;
    Ok(())
}

/// The paper notice (*avviso di pagamento*), as a PDF.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/offline-payment/{id}", operation_id = "payment-proxy.link.offline-payment", tag = "payment-proxy",
    summary = "The paper notice",
    description = "The paper notice (*avviso di pagamento*), as a PDF. Public for whoever has the link.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "The notice", content_type = "application/pdf"),
        (status = 404, description = "Unknown payment, or no notice", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The payment is cancelled", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Followed too often", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The intermediary failed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
    extensions(("x-rate-limited" = json!(true)))
)]
pub async fn offline_payment(
    state: web::Data<State>,
    _public: Public,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (debt, left) = found(&state, at.into_inner()).await?;
    let (connector, place) = state.proxy.place_of(&debt).await?;
    let notice = connector
        .notice(&place)
        .await
        .map_err(|error| failed(connector.id(), error))?;
    mark(&state, &debt, |links| &mut links.offline_payment).await?;
    Ok(left.told_by(file(notice, "avviso.pdf")))
}

/// The same notice, under the name that older links have.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/notice/{id}", operation_id = "payment-proxy.link.notice", tag = "payment-proxy",
    summary = "The paper notice, by its older address",
    description = "The same notice, under the name that older links have. Public for whoever has the link.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "The notice", content_type = "application/pdf"),
        (status = 404, description = "Unknown payment, or no notice", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Followed too often", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
    extensions(("x-rate-limited" = json!(true)))
)]
pub async fn notice(
    state: web::Data<State>,
    public: Public,
    at: At,
) -> Result<HttpResponse, Problem> {
    offline_payment(state, public, at).await
}

/// The receipt (*ricevuta telematica*) of a payment that is complete, as a PDF.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/receipt/{id}", operation_id = "payment-proxy.link.receipt", tag = "payment-proxy",
    summary = "The receipt",
    description = "The receipt (*ricevuta telematica*) of a payment that is complete, as a PDF. Public for whoever has the link.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "The receipt", content_type = "application/pdf"),
        (status = 404, description = "Unknown payment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Not paid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Followed too often", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The intermediary failed", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
    extensions(("x-rate-limited" = json!(true)))
)]
pub async fn receipt(
    state: web::Data<State>,
    _public: Public,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (debt, left) = found(&state, at.into_inner()).await?;
    if debt.payment.status != PaymentStatus::Complete {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "There is a receipt only after the payment. Pay first.",
        ));
    }
    let (connector, place) = state.proxy.place_of(&debt).await?;
    let receipt = connector
        .receipt(&place)
        .await
        .map_err(|error| failed(connector.id(), error))?;
    mark(&state, &debt, |links| &mut links.receipt).await?;
    Ok(left.told_by(file(receipt, "ricevuta.pdf")))
}

fn file(document: Document, name: &str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(document.mime_type)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("inline; filename=\"{name}\""),
        ))
        .body(document.bytes)
}
