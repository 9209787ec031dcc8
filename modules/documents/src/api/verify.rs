//! `documents/verify/{code}`: whoever holds a file can ask whether the body issued it.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::http::{Public, Scope};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use crate::consumers::body_of;
use crate::store::document;

/// What is confirmed of a document. Nothing personal: only whoever has the file knows the code, but links travel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verification {
    /// Always true: unknown codes are a 404.
    pub valid: bool,
    /// The body that issued it.
    #[schema(max_length = 300)]
    pub issuer: String,
    /// Which act it is of.
    #[schema(example = "application-request", max_length = 40)]
    pub r#type: String,
    /// Its title.
    #[schema(max_length = 400)]
    pub title: String,
    /// When it was made.
    pub created_at: Instant,
    /// Protocol number, if it is registered.
    #[schema(max_length = 200)]
    pub document_number: Option<String>,
    /// When it was registered.
    pub registered_at: Option<Instant>,
    /// SHA-256 of the file in hex.
    #[schema(max_length = 64)]
    pub sha256: String,
}

#[utoipa::path(
    get, path = "/lang/api/documents/verify/{code}", operation_id = "documents.document.verify", tag = "documents",
    summary = "Confirms that a file is a document of the body",
    description = "The code is the SHA-256 of the file in hex (sha256sum file.pdf). No token is needed: whoever has the file has the code.",
    params(("code" = String, Path, description = "SHA-256 of the file, 64 hex digits", max_length = 64, min_length = 64)),
    responses(
        (status = 200, body = Verification, description = "It is"),
        (status = 400, description = "That is no SHA-256", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The body issued no such file", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn verify(
    path: web::Path<(String, String)>,
    _public: Public,
    scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let code = path.into_inner().1.to_ascii_lowercase();
    if code.len() != 64 || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::bad_parameter(
            "code",
            "the SHA-256 of the file in 64 hex digits",
        ));
    }
    let found = state
        .ctx
        .find_replica(scope.tenancy(), move |rows| document::of_hash(rows, &code))
        .await?;
    let row = found.ok_or_else(|| Problem::not_found("document"))?;
    let registration = body_of(&row)?.registration_data;
    Ok(HttpResponse::Ok().json(Verification {
        valid: true,
        issuer: scope.tenant.name.clone(),
        r#type: row.kind,
        title: row.title,
        created_at: row.created_at,
        document_number: registration.document_number,
        registered_at: registration.date.map(Instant::from_utc),
        sha256: row.sha256,
    }))
}
