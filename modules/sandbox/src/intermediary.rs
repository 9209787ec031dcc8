//! The pretend payment intermediary's API.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::pages::{euros, grouped};
use crate::pdf;
use crate::positions::{self, Change, Creation, Kind, Position, PositionIn, Status, instant};
use crate::problem::Problem;
use crate::receipt;
use crate::server::{App, resource};

/// The largest amount, in cents: 999 999 999.99 euros (pagoPA's receipt).
const LARGEST_AMOUNT: i64 = 99_999_999_999;
/// The longest reason, in characters (GPD `description`).
const LONGEST_REASON: usize = 140;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/intermediary/positions").route(web::post().to(create_position)))
        .service(resource("/intermediary/positions/search").route(web::post().to(search_positions)))
        .service(
            resource("/intermediary/positions/{external_id}").route(web::get().to(read_position)),
        )
        .service(
            resource("/intermediary/positions/{external_id}/cancel")
                .route(web::post().to(cancel_position)),
        )
        .service(
            resource("/intermediary/positions/{external_id}/notice")
                .route(web::get().to(read_notice)),
        )
        .service(
            resource("/intermediary/positions/{external_id}/receipt")
                .route(web::get().to(read_receipt)),
        );
}

async fn create_position(
    app: web::Data<App>,
    request: HttpRequest,
    body: web::Json<PositionIn>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    check(&body)?;
    let creation = app
        .store
        .transaction(move |connection| positions::create(connection, &body))
        .await?;
    match creation {
        Creation::New(position) => {
            Ok(HttpResponse::Created().json(shown(&position, &app, &request)))
        }
        Creation::Same(position) => Ok(HttpResponse::Ok().json(shown(&position, &app, &request))),
        Creation::Different => Err(Problem::other_content()),
    }
}

#[derive(Deserialize)]
struct Search {
    payer_tax_code: String,
    #[serde(default)]
    organization_tax_code: Option<String>,
}

async fn search_positions(
    app: web::Data<App>,
    request: HttpRequest,
    body: web::Json<Search>,
) -> Result<HttpResponse, Problem> {
    let Search {
        payer_tax_code,
        organization_tax_code,
    } = body.into_inner();
    let found = app
        .store
        .transaction(move |connection| {
            positions::of_payer(
                connection,
                &payer_tax_code,
                organization_tax_code.as_deref(),
            )
        })
        .await?;
    let data: Vec<Value> = found
        .iter()
        .map(|position| shown(position, &app, &request))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

async fn read_position(
    app: web::Data<App>,
    request: HttpRequest,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let position = find(&app, external_id.into_inner()).await?;
    Ok(HttpResponse::Ok().json(shown(&position, &app, &request)))
}

async fn cancel_position(
    app: web::Data<App>,
    request: HttpRequest,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let change = app
        .store
        .transaction(move |connection| positions::cancel(connection, &external_id))
        .await?;
    match change {
        Change::Done(position) => Ok(HttpResponse::Ok().json(shown(&position, &app, &request))),
        Change::Refused(_) => Err(Problem::wrong_state("The position is paid.")),
        Change::Unknown => Err(Problem::not_found()),
    }
}

async fn read_notice(
    app: web::Data<App>,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let position = find(&app, external_id.into_inner()).await?;
    if position.status == Status::Cancelled {
        return Err(Problem::wrong_state("The position is cancelled."));
    }
    Ok(pdf_answer(pdf::page(
        "Avviso di pagamento (dimostrativo)",
        &[
            format!("Codice avviso: {}", grouped(&position.notice_number)),
            format!("Ente creditore: {}", position.request.organization_tax_code),
            format!("Importo: {}", euros(position.request.amount)),
            format!("Causale: {}", position.request.reason),
            format!("Scadenza: {}", instant(position.request.expires_at)),
        ],
    )))
}

async fn read_receipt(
    app: web::Data<App>,
    request: HttpRequest,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let position = find(&app, external_id.into_inner()).await?;
    let payment = position
        .payment
        .as_ref()
        .ok_or_else(|| Problem::wrong_state("The position is not paid."))?;
    let wants_json = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    if wants_json {
        return Ok(HttpResponse::Ok().json(receipt::data(&position, payment)));
    }
    Ok(pdf_answer(pdf::page(
        "Ricevuta di pagamento (dimostrativa)",
        &receipt::lines(&position, payment),
    )))
}

async fn find(app: &App, external_id: String) -> Result<Position, Problem> {
    app.store
        .transaction(move |connection| positions::find(connection, &external_id))
        .await?
        .ok_or_else(Problem::not_found)
}

fn pdf_answer(bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/pdf"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(bytes)
}

/// A position as the API shows it. The page's address is on the host that the caller used, unless the sandbox was told another.
fn shown(position: &Position, app: &App, request: &HttpRequest) -> Value {
    let public_url = app.public_url.clone().unwrap_or_else(|| {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    });
    let asked = &position.request;
    let payment = position.payment.as_ref();
    json!({
        "external_id": asked.external_id,
        "organization_tax_code": asked.organization_tax_code,
        "iuv": position.iuv,
        "notice_number": position.notice_number,
        "status": position.status,
        "amount": asked.amount,
        "reason": asked.reason,
        "expires_at": instant(asked.expires_at),
        "category": asked.category,
        "kind": asked.kind,
        "paid_at": payment.map(|payment| instant(payment.paid_at)),
        "transaction_id": payment.map(|payment| &payment.transaction_id),
        "payment_url": format!("{public_url}/pay/{}", asked.external_id),
        "pays": u8::from(payment.is_some()),
    })
}

/// Whether an id of the caller's can stand in a path.
pub(crate) fn check_external_id(external_id: &str) -> Result<(), Problem> {
    let plain = external_id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    // `search` is a path of its own.
    if plain && (1..=64).contains(&external_id.len()) && external_id != "search" {
        Ok(())
    } else {
        Err(Problem::invalid(
            "external_id: 1 to 64 letters, digits, `-`, `_`; not `search`.",
        ))
    }
}

/// Bodies have a tax code of 11 digits. Its check digit is not looked at: pagoPA's test body
/// `77777777777` has a wrong one.
pub(crate) fn check_organization(tax_code: &str) -> Result<(), Problem> {
    if tax_code.len() == 11 && tax_code.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(Problem::invalid("organization_tax_code: 11 digits."))
    }
}

fn check(request: &PositionIn) -> Result<(), Problem> {
    check_external_id(&request.external_id)?;
    check_organization(&request.organization_tax_code)?;
    let reason = request.reason.chars().count();
    let rules = [
        (
            (1..=LARGEST_AMOUNT).contains(&request.amount),
            "amount: cents, 1 to 99999999999.",
        ),
        (
            (1..=LONGEST_REASON).contains(&reason),
            "reason: 1 to 140 characters.",
        ),
        (
            (2..=16).contains(&request.payer.tax_identification_number.len()),
            "payer.tax_identification_number: 2 to 16 characters.",
        ),
        (!request.payer.name.is_empty(), "payer.name: not empty."),
        (
            is_web_address(&request.return_url),
            "return_url: http or https.",
        ),
        (
            request.notify_url.as_deref().is_none_or(is_web_address),
            "notify_url: http or https.",
        ),
        (
            request.stamp.is_none() || request.kind == Kind::Stamp,
            "stamp: only with kind `stamp`.",
        ),
    ];
    if let Some((_, rule)) = rules.into_iter().find(|(kept, _)| !kept) {
        return Err(Problem::invalid(rule));
    }
    let Some(stamp) = &request.stamp else {
        return Ok(());
    };
    // Base64 of the 32 raw bytes of a SHA-256 has 44 characters (GPD `hashDocument`).
    let kept = stamp.kind == "01"
        && stamp.document_hash.len() == 44
        && stamp.province.len() == 2
        && stamp.province.bytes().all(|byte| byte.is_ascii_uppercase());
    if kept {
        Ok(())
    } else {
        Err(Problem::invalid(
            "stamp: type `01`, document_hash 44 characters of base64, province two capitals.",
        ))
    }
}

fn is_web_address(address: &str) -> bool {
    address.len() <= 2048
        && reqwest::Url::parse(address)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
