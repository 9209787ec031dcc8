//! `payments`: what an application has to pay, and payments from other systems.

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::Topic;
use opencity_contracts::money::Cents;
use opencity_contracts::payment::{Payer, PersonType, Receiver};
use opencity_kernel::auth::{AnyUser, Auth, Caller, Permission};
use opencity_kernel::clock;
use opencity_kernel::crypto::citizen_id;
use opencity_kernel::db::DbResult;
use opencity_kernel::db::TenantScope;
use opencity_kernel::http::{Body, Created, IdempotencyKey, Query, Scope, event_schema};
use opencity_kernel::id::{ApplicationId, ServiceId};
use opencity_kernel::instant::Instant;
use opencity_kernel::notice_number::NoticeNumber;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::tax_code::{FiscalCode, TestBodies, VatNumber, contains_fiscal_code};
use opencity_kernel::{FieldProblem, Problem, ProblemKind};
use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::State;
use crate::domain::due::Due;
use crate::store::payment::PaymentRow;
use crate::store::{payment, replica};

/// A payment, in the form of the payment event.
#[derive(Debug)]
pub enum PaymentOut {}

impl PartialSchema for PaymentOut {
    fn schema() -> RefOr<Schema> {
        event_schema(Topic::Payments, &[])
    }
}

impl ToSchema for PaymentOut {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("PaymentEvent")
    }
}

/// Those who may hand payments in.
#[derive(Debug)]
pub enum PaymentWriter {}

impl Permission for PaymentWriter {
    const NEEDS: &'static str = "a system operator or an administrator of the body";
    fn allows(caller: &Caller) -> bool {
        caller.is_system_operator() || caller.administrates_body()
    }
}

/// The payments of an application that the caller may see, oldest first, in the form of the payment event.
#[utoipa::path(
    get, path = "/lang/api/payments", operation_id = "payments.payment.list", tag = "payments",
    summary = "Payments of an application",
    description = "Those that the caller may see, oldest first, in the form of the payment event.",
    params(("remote_id" = uuid::Uuid, Query, description = "The application; of a due, the payment's own id")),
    responses(
        (status = 200, description = "Bare array of payments, in the form of the payment event 2.0", body = Vec<PaymentOut>,
            example = json!([{"id": "68dada78-2398-4a11-b80a-98aaede3371c", "status": "PAYMENT_PENDING", "remote_id": "01957f1f-2370-770e-9132-1729a8e91419", "payment": {"amount": 16.5, "currency": "EUR"}}])),
        (status = 400, description = "`remote_id` is absent or no UUID", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown application, or one without a payment that the caller may see", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list_payments(
    state: web::Data<State>,
    caller: Auth<AnyUser>,
    scope: Scope,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let remote: ApplicationId = Query::of(&request)?.id("remote_id")?.ok_or_else(|| {
        Problem::bad_parameter("remote_id", "the id of an application: it is needed here")
    })?;
    let caller = caller.into_caller();
    let seen = state
        .ctx
        .find_replica(scope.tenancy(), move |scope| {
            let mut seen = Vec::new();
            for row in payment::of_remote(scope, remote)? {
                if may_see(scope, &caller, &row)? {
                    seen.push(row.body.0);
                }
            }
            Ok(Some(seen).filter(|seen| !seen.is_empty()))
        })
        .await?;
    match seen {
        Some(payments) => Ok(HttpResponse::Ok().json(payments)),
        None => Err(Problem::new(
            ProblemKind::NotFound,
            "There is no such application, or it has no payment. Check remote_id.",
        )),
    }
}

/// Who may view an application may view its payments (`core-model.md` §1).
fn may_see(scope: &mut TenantScope<'_>, caller: &Caller, row: &PaymentRow) -> DbResult<bool> {
    if caller.is_citizen() {
        return Ok(row.user_id == caller.id);
    }
    if caller.administrates_body()
        || caller.is_system_operator()
        || caller.works_service(row.service_id)
    {
        return Ok(true);
    }
    if let Some(application) = replica::application(scope, row.remote_id)?
        && (application.operator_id == Some(caller.id)
            || application
                .office_id
                .is_some_and(|office| caller.in_office(office)))
    {
        return Ok(true);
    }
    let Some(service) = replica::service(scope, row.service_id)? else {
        return Ok(false);
    };
    Ok(service
        .offices()?
        .into_iter()
        .any(|office| caller.in_office(office)))
}

/// A payment from another system.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "service_id": "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab", "reason": "Mensa scolastica marzo 2025", "amount": 50.5,
    "expire_at": "2025-04-30T23:59:59+02:00", "notice_code": "301202400001234539",
    "payer": {"type": "human", "tax_identification_number": "RSSMRA80A01H501U", "name": "Mario", "family_name": "Rossi"}
}))]
pub struct PaymentIn {
    /// The service that it belongs to.
    pub service_id: ServiceId,
    /// Who pays.
    pub payer: PayerIn,
    /// What for; no fiscal code.
    #[schema(min_length = 1, max_length = 140)]
    pub reason: String,
    /// How much, in euro; above zero.
    pub amount: Cents,
    /// Until when it can be paid.
    pub expire_at: Instant,
    /// Notice number of a due that exists at the intermediary: 18 digits.
    #[serde(default)]
    #[schema(max_length = 18)]
    pub notice_code: Option<String>,
    /// IUV of the due; follows from the notice number.
    #[serde(default)]
    #[schema(max_length = 35)]
    pub iuv: Option<String>,
    /// Who gets the money; the proxy's configuration says it otherwise.
    #[serde(default)]
    pub receiver: Option<ReceiverIn>,
    /// The intermediary's type of due.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub due_type: Option<String>,
    /// pagoPA category (*tassonomia*): `9/0101002IM/`.
    #[serde(default)]
    #[schema(max_length = 140)]
    pub pagopa_category: Option<String>,
}

/// Who pays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PayerIn {
    /// `human` (when absent) or `legal`.
    #[serde(rename = "type", default)]
    #[schema(value_type = String, max_length = 5, pattern = "^(human|legal)$")]
    pub kind: PersonType,
    /// Fiscal code, or VAT number.
    #[schema(max_length = 16)]
    pub tax_identification_number: String,
    /// First name, or the company's.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Family name.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub family_name: Option<String>,
    /// Street.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub street_name: Option<String>,
    /// House number.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub building_number: Option<String>,
    /// Postal code.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub postal_code: Option<String>,
    /// Town.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub town_name: Option<String>,
    /// Province code.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub country_subdivision: Option<String>,
    /// E-mail.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub email: Option<String>,
}

/// Who gets the money.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReceiverIn {
    /// Tax code of the body: 11 digits.
    #[schema(max_length = 11, pattern = "^[0-9]{11}$")]
    pub tax_identification_number: String,
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Its account.
    #[serde(default)]
    #[schema(max_length = 34)]
    pub iban: Option<String>,
}

/// Makes a payment without an application: a due with a notice number (`PAYMENT_PENDING`), or one that the proxy creates.
#[utoipa::path(
    post, path = "/lang/api/payments", operation_id = "payments.payment.create", tag = "payments",
    summary = "Hand in a payment or a due",
    description = "A due with a notice number (`PAYMENT_PENDING`), or one that the proxy creates at the intermediary.", request_body = PaymentIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats of a request with the same key get the first answer", max_length = 255)),
    responses(
        (status = 201, description = "The payment, in the form of the payment event 2.0", body = PaymentOut,
            example = json!({"id": "68dada78-2398-4a11-b80a-98aaede3371c", "status": "PAYMENT_PENDING"})),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither system operator nor administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The service has a payment with this notice number", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or the service is unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn create_payment(
    state: web::Data<State>,
    caller: Auth<PaymentWriter>,
    scope: Scope,
    key: IdempotencyKey,
    body: Body<PaymentIn>,
) -> Result<HttpResponse, Problem> {
    let due = due(body.value.read()?, state.test_bodies)?;
    let service_id = due.service_id;
    state
        .ctx
        .find_replica(scope.tenancy(), move |scope| {
            replica::service(scope, service_id)
        })
        .await?
        .ok_or_else(|| Problem::unknown_reference("service_id", "service"))?;
    let user = citizen_id(
        &state.ctx.platform.citizen_ids,
        scope.tenant.id.uuid(),
        &due.payer.tax_identification_number,
    );
    let url = scope.api("payments");
    key.once(&state.ctx.db, &caller, body.hash, move |scope| {
        let made = due.into_payment(user, clock::now().utc());
        made.validate().map_err(|broken| {
            let field =
                |violation: &opencity_contracts::payment_validation::Violation| FieldProblem {
                    field: violation.field.clone(),
                    code: "value".to_owned(),
                    message: format!("It {}.", violation.rule),
                };
            Problem::validation(broken.iter().map(field).collect())
        })?;
        if !payment::create_due(scope, &made)? {
            return Err(Problem::new(
                ProblemKind::AlreadyExists,
                "The service has a payment with this notice number (notice_code) already.",
            ));
        }
        let mut shown = serde_json::to_value(&made).map_err(Problem::internal)?;
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("tenant_id".to_owned(), json!(scope.tenant_id()));
        }
        Created::new(Some(format!("{url}?remote_id={}", made.remote_id)), &shown)
    })
    .await
}

/// Checks what a person may have typed.
fn due(body: PaymentIn, test_bodies: TestBodies) -> Result<Due, Problem> {
    let mut errors = Vec::new();
    let mut refuse = |field: &str, code: &str, message: &str| {
        errors.push(FieldProblem {
            field: field.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        });
    };
    let code = FiscalCode::parse(&body.payer.tax_identification_number, test_bodies)
        .map(|code| code.expose().to_owned());
    if code.is_err() {
        refuse(
            "payer.tax_identification_number",
            "tax-code",
            "Give a fiscal code or VAT number with the right check character.",
        );
    }
    let length = body.reason.trim().chars().count();
    if !(1..=140).contains(&length) {
        refuse("reason", "length", "Give 1 to 140 characters.");
    }
    if contains_fiscal_code(&body.reason) {
        refuse(
            "reason",
            "personal-data",
            "Remove the fiscal code: the reason is read by strangers.",
        );
    }
    if body.amount.is_zero() {
        refuse("amount", "minimum", "Give an amount of at least 0.01.");
    }
    let notice = body.notice_code.as_deref().map(NoticeNumber::parse);
    match (&notice, &body.iuv) {
        (Some(Err(_)), _) => refuse(
            "notice_code",
            "notice-number",
            "Give 18 digits with right check digits.",
        ),
        (Some(Ok(notice)), Some(iuv)) if notice.iuv() != iuv => {
            refuse("iuv", "iuv", "Give the IUV of the notice number, or none.")
        }
        (None, Some(_)) => refuse(
            "notice_code",
            "required",
            "Give the notice number with its IUV.",
        ),
        _ => {}
    }
    if let Some(receiver) = &body.receiver
        && VatNumber::parse(&receiver.tax_identification_number, test_bodies).is_err()
    {
        refuse(
            "receiver.tax_identification_number",
            "tax-code",
            "Give the 11 digits of a body's tax code.",
        );
    }
    for (field, text, most) in [
        ("due_type", &body.due_type, 255),
        ("pagopa_category", &body.pagopa_category, 140),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > most)
        {
            refuse(field, "length", "Give a shorter text.");
        }
    }
    let (Ok(code), true) = (code, errors.is_empty()) else {
        return Err(Problem::validation(errors));
    };
    let notice = notice.and_then(Result::ok);
    let payer = body.payer;
    Ok(Due {
        service_id: body.service_id,
        payer: Payer {
            kind: payer.kind,
            tax_identification_number: code,
            name: payer.name,
            family_name: payer.family_name,
            street_name: payer.street_name,
            building_number: payer.building_number,
            postal_code: payer.postal_code,
            town_name: payer.town_name,
            country_subdivision: payer.country_subdivision,
            country: Some("IT".to_owned()),
            email: payer.email,
        },
        reason: body.reason.trim().to_owned(),
        amount: body.amount,
        expire_at: body.expire_at.utc(),
        created_at: None,
        iuv: notice.as_ref().map(|notice| notice.iuv().to_owned()),
        notice_code: notice.map(|notice| notice.as_str().to_owned()),
        iud: None,
        receiver: body.receiver.map(|receiver| Receiver {
            tax_identification_number: receiver.tax_identification_number,
            name: receiver.name,
            iban: receiver.iban,
            ..Receiver::default()
        }),
        due_type: body.due_type,
        pagopa_category: body.pagopa_category,
        online_payment_url: None,
        locale: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;
    use serde_json::Value;

    fn body(change: impl Fn(&mut Value)) -> PaymentIn {
        let mut body = json!({
            "service_id": "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab", "reason": "Mensa", "amount": "50,50", "expire_at": "2025-04-30T23:59:59+02:00",
            "notice_code": "3012 0240 0001 2345 39", "payer": {"tax_identification_number": "RSSMRA80A01H501U", "name": "Mario"}
        });
        change(&mut body);
        serde_json::from_value(body).unwrap()
    }

    fn refused(change: impl Fn(&mut Value)) -> Vec<String> {
        let problem = due(body(change), TestBodies::Refused).unwrap_err();
        let body = problem.body("");
        body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_due_gets_the_iuv_of_its_notice_number() {
        let due = due(body(|_| ()), TestBodies::Refused).unwrap();
        assert_eq!(due.notice_code.as_deref(), Some("301202400001234539"));
        assert_eq!(due.iuv.as_deref(), Some("01202400001234539"));
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(refused(|body| body["amount"] = json!(0)), ["amount"]);
        assert_eq!(
            refused(|body| body["notice_code"] = json!("301202400001234538")),
            ["notice_code"]
        );
        assert_eq!(
            refused(|body| body["iuv"] = json!("01202400001234538")),
            ["iuv"]
        );
        assert_eq!(
            refused(|body| body["reason"] = json!("Mensa RSSMRA80A01H501U")),
            ["reason"]
        );
        assert_eq!(
            refused(|body| {
                body["payer"]["tax_identification_number"] = json!("RSSMRA80A01H501A");
                body["receiver"] = json!({"tax_identification_number": "1", "name": "x"});
            }),
            [
                "payer.tax_identification_number",
                "receiver.tax_identification_number"
            ]
        );
    }
}
