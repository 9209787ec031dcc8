//! What somebody sends: brought into Form.io's nested form, checked, and read for what the
//! application takes from it.

use opencity_contracts::application::Authentication;
use opencity_contracts::service::{
    AccessLevel, PaymentRequired, Service, ServiceKind, ServiceStatus,
};
use opencity_formio::{Applicant, FileRef, Form, Mode};
use opencity_kernel::auth::{Caller, Login};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::instant::Instant;
use opencity_kernel::tax_code::{FiscalCode, TestBodies};
use opencity_kernel::{FieldProblem, Problem, ProblemKind};
use serde_json::{Value, json};

use crate::store::replica::Citizen;
use crate::terms;

const FISCAL_CODE: &str = "data.applicant.data.fiscal_code.data.fiscal_code";
const SERVICE_NAME_MAX: usize = 255;

/// Data that were checked.
#[derive(Debug, Clone)]
pub struct Submission {
    /// As Form.io nests them.
    pub data: Value,
    /// The applicant block.
    pub applicant: Applicant,
    /// The uploads that they name.
    pub uploads: Vec<FileRef>,
    /// Tax codes of other citizens who may see the application.
    pub related_cfs: Vec<String>,
}

/// Reads and checks data in any of the forms in which they come.
///
/// # Errors
/// 422 with the fields to correct.
pub fn read(
    input: Option<&Value>,
    form: Option<&Form>,
    mode: Mode,
    service: &Service,
    test_bodies: TestBodies,
) -> Result<Submission, Problem> {
    let given = input
        .filter(|value| value.as_object().is_some_and(|map| !map.is_empty()))
        .ok_or_else(|| {
            Problem::field(
                "data",
                "required",
                "Give the data of the form as a JSON object.",
            )
        })?;
    let mut data = match (form, given) {
        (Some(form), given) => {
            let data = form.clear_hidden(&opencity_formio::normalise_input(given, form));
            form.validate(&data, mode)
                .map_err(|errors| invalid("data", errors))?;
            data
        }
        (None, Value::Object(map)) => opencity_formio::unflatten(map, None),
        (None, other) => other.clone(),
    };
    let applicant = Applicant::read(&data);
    if let Some(code) = &applicant.fiscal_code {
        FiscalCode::parse(code, test_bodies).map_err(|error| {
            Problem::field(
                FISCAL_CODE,
                "fiscal_code",
                &format!("Correct the fiscal code: {error}."),
            )
        })?;
    }
    if mode == Mode::Submit {
        terms::check(service, form, &data)?;
        names_for_payment(service, &applicant)?;
    }
    let uploads = form
        .map(|form| opencity_formio::file_references(&data, form))
        .unwrap_or_default();
    keep_ids(&mut data, &uploads);
    let related_cfs = related_cfs(&data, test_bodies)?;
    Ok(Submission {
        data,
        applicant,
        uploads,
        related_cfs,
    })
}

/// Of the uploads only their ids are taken: the rest is known here.
fn keep_ids(data: &mut Value, uploads: &[FileRef]) {
    for upload in uploads {
        let path = upload.path.replace('~', "~0").replace('/', "~1");
        if let Some(named) = data.pointer_mut(&format!("/{}", path.replace('.', "/"))) {
            *named = json!({"id": upload.id});
        }
    }
}

/// Whom the form's field `related_cfs` names beside the applicant: a list of fiscal codes, or a text that
/// separates them by commas.
fn related_cfs(data: &Value, test_bodies: TestBodies) -> Result<Vec<String>, Problem> {
    let named: Vec<&str> = match data.get("related_cfs") {
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    named
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .map(|text| match FiscalCode::parse(text, test_bodies) {
            Ok(code) => Ok(code.expose().to_owned()),
            Err(error) => Err(Problem::field(
                "data.related_cfs",
                "fiscal_code",
                &format!("Correct the fiscal codes: {error}."),
            )),
        })
        .collect()
}

/// What a form finds wrong in the data that the body has under `root`.
#[must_use]
pub fn invalid(root: &str, errors: Vec<opencity_formio::FieldError>) -> Problem {
    let errors = errors.into_iter().map(|error| FieldProblem {
        field: if error.field.is_empty() {
            root.to_owned()
        } else {
            format!("{root}.{}", error.field)
        },
        code: error.code.to_owned(),
        message: error.message,
    });
    Problem::validation(errors.collect())
}

/// A payment names its payer.
fn names_for_payment(service: &Service, applicant: &Applicant) -> Result<(), Problem> {
    if service.payment_required == PaymentRequired::None {
        return Ok(());
    }
    let missing = [
        (
            "data.applicant.data.completename.data.name",
            &applicant.name,
        ),
        (
            "data.applicant.data.completename.data.surname",
            &applicant.surname,
        ),
        (FISCAL_CODE, &applicant.fiscal_code),
    ];
    let errors: Vec<FieldProblem> = missing
        .into_iter()
        .filter(|(_, value)| value.is_none())
        .map(|(field, _)| FieldProblem {
            field: field.to_owned(),
            code: "required".to_owned(),
            message: "A paid service needs it: the payment names its payer.".to_owned(),
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::validation(errors))
    }
}

/// The problem of data without a fiscal code, where somebody else sends them.
#[must_use]
pub fn fiscal_code_missing() -> Problem {
    Problem::field(
        FISCAL_CODE,
        "required",
        "Give the applicant's fiscal code, or the user.",
    )
}

/// The problem of a citizen whom nobody knows: a token outlives the account that was deleted.
#[must_use]
pub fn account_unknown() -> Problem {
    Problem::new(
        ProblemKind::Unauthenticated,
        "The account no longer exists, or was made a moment ago. Log in again.",
    )
}

/// Whether the applicant is the citizen: what the data say of name, surname and fiscal code is what
/// his account says.
#[must_use]
pub fn is_applicant(applicant: &Applicant, citizen: &Citizen) -> bool {
    let same = |given: &Option<String>, held: &Option<String>| match (given, held) {
        (Some(given), Some(held)) => folded(given) == folded(held),
        _ => true,
    };
    same(&applicant.name, &citizen.given_name)
        && same(&applicant.surname, &citizen.family_name)
        && same(&applicant.fiscal_code, &citizen.tax_code)
}

fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Whether a citizen may use the service now, with the login that he has.
///
/// # Errors
/// 403 or 422.
pub fn may_use(service: &Service, caller: &Caller, now: Instant) -> Result<(), Problem> {
    if service.kind == ServiceKind::Dues {
        return Err(Problem::field(
            "service",
            "kind",
            "Name a service that takes applications.",
        ));
    }
    if !caller.is_citizen() {
        return Ok(());
    }
    let open = match service.status {
        ServiceStatus::Published | ServiceStatus::Private => true,
        ServiceStatus::Scheduled => {
            service.scheduled_from.is_none_or(|from| from <= now.utc())
                && service.scheduled_to.is_none_or(|to| now.utc() <= to)
        }
        ServiceStatus::Hidden | ServiceStatus::Suspended => false,
    };
    if !open {
        return Err(Problem::field(
            "service",
            "inactive",
            "The service is not open; name another.",
        ));
    }
    let level = service.access_level;
    let needed = u32::try_from(level.code()).unwrap_or_default();
    if level != AccessLevel::Anonymous && (caller.is_anonymous() || caller.login.level < needed) {
        return Err(Problem::new(
            ProblemKind::Forbidden,
            format!("The service needs a login of level {needed}; log in again."),
        ));
    }
    Ok(())
}

/// How the citizen was recognised.
#[must_use]
pub fn authentication(login: &Login) -> Authentication {
    Authentication {
        authentication_method: Some(login.method.clone()),
        session_id: Some(login.session_id.clone()).filter(|id| !id.is_empty()),
        instant: Some(login.instant.utc()),
        ..Authentication::default()
    }
}

/// What the application is about: the form's own subject and the id, else service and applicant.
#[must_use]
pub fn subject(
    service: &Service,
    data: &Value,
    applicant: &Applicant,
    id: ApplicationId,
) -> String {
    if let Some(own) = opencity_formio::application_subject(data) {
        return format!("{own} {id}");
    }
    let name: String = service.name.chars().take(SERVICE_NAME_MAX).collect();
    let who = [&applicant.name, &applicant.surname, &applicant.fiscal_code];
    who.into_iter()
        .flatten()
        .fold(name, |subject, part| format!("{subject} {part}"))
}

/// Name and surname, as far as they are known.
#[must_use]
pub fn full_name(applicant: &Applicant, citizen: Option<&Citizen>) -> Option<String> {
    let held = |of: fn(&Citizen) -> &Option<String>| citizen.and_then(|known| of(known).clone());
    let name = applicant
        .name
        .clone()
        .or_else(|| held(|citizen| &citizen.given_name));
    let surname = applicant
        .surname
        .clone()
        .or_else(|| held(|citizen| &citizen.family_name));
    match (name, surname) {
        (Some(name), Some(surname)) => Some(format!("{name} {surname}")),
        (name, surname) => name.or(surname),
    }
}

/// The connector that the citizen chose, if the service has it.
///
/// # Errors
/// 422 for one that the service does not have.
pub fn payment_type(service: &Service, chosen: Option<String>) -> Result<Option<String>, Problem> {
    let gateways = &service.payment_parameters.gateways;
    match chosen.filter(|name| !name.is_empty()) {
        Some(name) if gateways.iter().any(|gateway| gateway.identifier == name) => Ok(Some(name)),
        Some(_) => Err(Problem::field(
            "payment_type",
            "option",
            "Choose one of the service's payment connectors.",
        )),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use opencity_kernel::id::{TenantId, UserId};

    use super::*;

    #[test]
    fn the_applicant_is_compared_without_case_and_spaces() {
        let citizen = Citizen {
            tenant_id: TenantId::new(),
            id: UserId::new(),
            tax_code: Some("RSSMRA80A01H501U".to_owned()),
            given_name: Some("Mario".to_owned()),
            family_name: Some("De Rossi".to_owned()),
            email: None,
            version: 1,
        };
        let of = |name: &str, surname: &str| Applicant {
            name: Some(name.to_owned()),
            surname: Some(surname.to_owned()),
            ..Applicant::default()
        };
        assert!(is_applicant(&of("MARIO", "de  rossi"), &citizen));
        assert!(!is_applicant(&of("Luigi", "De Rossi"), &citizen));
    }

    #[test]
    fn a_wrong_check_character_names_the_field_and_not_the_value() {
        let data = json!({"applicant.data.fiscal_code.data.fiscal_code": "RSSMRA80A01H501X"});
        let problem = read(
            Some(&data),
            None,
            Mode::Draft,
            &Service::default(),
            TestBodies::Refused,
        )
        .unwrap_err();
        let body = problem.body("x").to_string();
        assert!(
            body.contains(FISCAL_CODE) && !body.contains("RSSMRA80"),
            "{body}"
        );
    }

    #[test]
    fn a_paid_service_needs_a_payer() {
        let service = Service {
            payment_required: PaymentRequired::Deferred,
            ..Service::default()
        };
        let problem = read(
            Some(&json!({"payment_amount": "10"})),
            None,
            Mode::Submit,
            &service,
            TestBodies::Refused,
        )
        .unwrap_err();
        assert!(
            problem
                .body("x")
                .to_string()
                .contains("completename.data.surname")
        );
    }

    #[test]
    fn the_forms_own_subject_replaces_the_usual_one() {
        let service = Service {
            name: "Asilo".to_owned(),
            ..Service::default()
        };
        let id = ApplicationId::new();
        let own = subject(
            &service,
            &json!({"application_subject": "Nido"}),
            &Applicant::default(),
            id,
        );
        assert_eq!(own, format!("Nido {id}"));
        let applicant = Applicant {
            surname: Some("Rossi".to_owned()),
            ..Applicant::default()
        };
        assert_eq!(subject(&service, &json!({}), &applicant, id), "Asilo Rossi");
    }
}
