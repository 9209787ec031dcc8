//! The pretend registry's API; its files have their own module.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::files::LARGEST_FILE;
use crate::intermediary::{check_external_id, check_organization};
use crate::positions::{Creation, instant};
use crate::problem::Problem;
use crate::registrations::{self, Completion, Registration, RegistrationIn};
use crate::server::{App, resource};

/// The most files of one registration.
const MOST_FILES: usize = 200;
/// The longest subject or folder title, in characters.
const LONGEST_TEXT: usize = 2_000;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/registry/registrations").route(web::post().to(create_registration)))
        .service(
            resource("/registry/registrations/{external_id}")
                .route(web::get().to(read_registration)),
        )
        .service(
            resource("/registry/registrations/{external_id}/complete")
                .route(web::post().to(complete_registration)),
        );
}

async fn create_registration(
    app: web::Data<App>,
    body: web::Json<RegistrationIn>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    check(&body)?;
    let creation = app
        .store
        .transaction(move |connection| registrations::reserve(connection, &body))
        .await?;
    match creation {
        Creation::New(registration) => Ok(HttpResponse::Created().json(shown(&registration))),
        Creation::Same(registration) => Ok(HttpResponse::Ok().json(shown(&registration))),
        Creation::Different => Err(Problem::other_content()),
    }
}

async fn read_registration(
    app: web::Data<App>,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let registration = app
        .store
        .transaction(move |connection| registrations::find(connection, &external_id))
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(shown(&registration)))
}

async fn complete_registration(
    app: web::Data<App>,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let completion = app
        .store
        .transaction(move |connection| registrations::complete(connection, &external_id))
        .await?;
    match completion {
        Completion::Complete(registration) => Ok(HttpResponse::Ok().json(shown(&registration))),
        Completion::Missing(missing) => Err(Problem::invalid(format!(
            "These files are missing: {missing:?}."
        ))),
        Completion::Unknown => Err(Problem::not_found()),
    }
}

/// A registration as the API shows it: no subject, nobody's name.
pub(crate) fn shown(registration: &Registration) -> Value {
    let files: Vec<Value> = registration
        .files
        .iter()
        .map(|file| json!({ "index": file.position, "received": file.received_at.is_some() }))
        .collect();
    json!({
        "external_id": registration.request.external_id,
        "organization_tax_code": registration.request.organization_tax_code,
        "flow": registration.request.flow,
        "number": format!("{:07}", registration.number),
        "year": registration.year,
        "registered_at": instant(registration.registered_at),
        "document_id": registration.document_id,
        "folder_number": registration.folder_number,
        "status": if registration.complete { "complete" } else { "reserved" },
        "files": files,
    })
}

fn check(request: &RegistrationIn) -> Result<(), Problem> {
    check_external_id(&request.external_id)?;
    check_organization(&request.organization_tax_code)?;
    for (field, text) in [
        ("subject", &request.subject),
        ("folder_title", &request.folder_title),
    ] {
        if !(1..=LONGEST_TEXT).contains(&text.chars().count()) {
            return Err(Problem::invalid(format!(
                "{field}: 1 to {LONGEST_TEXT} characters."
            )));
        }
    }
    if !(1..=MOST_FILES).contains(&request.documents.len()) {
        return Err(Problem::invalid(format!(
            "documents: 1 to {MOST_FILES}, the main document first."
        )));
    }
    for (index, file) in request.documents.iter().enumerate() {
        let digest = file.sha256.len() == 64
            && file
                .sha256
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if file.name.is_empty() || !digest || !(0..=LARGEST_FILE).contains(&file.size) {
            return Err(Problem::invalid(format!(
                "documents[{index}]: a name, sha256 in lower-case hex, size up to {LARGEST_FILE}."
            )));
        }
    }
    Ok(())
}
