//! Tokens.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::http::{Body, Scope};
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::login::{self, Candidate};
use crate::{Core, password};

/// A name and its password.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginIn {
    /// The user name; in the demo a citizen's fiscal code too, in any case.
    #[schema(max_length = 180, example = "operatore")]
    username: String,
    /// The password.
    #[schema(value_type = String, max_length = 256, format = Password, example = "opencity-demo")]
    password: SecretString,
}

/// A token for the header `Authorization: Bearer`.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenOut {
    /// A JWT signed by RS256; its key is in `/.well-known/jwks.json`.
    #[schema(max_length = 4000)]
    token: String,
}

/// The public keys of the installation (RFC 7517).
#[derive(Serialize, ToSchema)]
pub(super) struct KeysOut {
    #[schema(max_items = 100)]
    keys: Vec<KeyOut>,
}

/// A public key.
#[derive(Serialize, ToSchema)]
struct KeyOut {
    #[schema(max_length = 3, example = "RSA")]
    kty: &'static str,
    #[serde(rename = "use")]
    #[schema(max_length = 3, example = "sig")]
    usage: &'static str,
    #[schema(max_length = 5, example = "RS256")]
    alg: &'static str,
    /// As in the header of the tokens.
    #[schema(max_length = 64)]
    kid: String,
    /// Modulus, base64url.
    #[schema(max_length = 1000)]
    n: String,
    /// Exponent, base64url.
    #[schema(max_length = 16)]
    e: String,
}

/// Public: whoever logs in has no token yet. One that is sent all the same, perhaps expired, is not looked at.
#[utoipa::path(
    post, path = "/lang/api/auth", operation_id = "identity.token.create", tag = "auth",
    summary = "Logs in by password",
    description = "The token goes into `Authorization: Bearer` and is good for an hour unless the installation says otherwise. After three failures within an hour the account is locked for ten minutes.",
    request_body = LoginIn,
    responses(
        (status = 200, body = TokenOut, description = "The token"),
        (status = 400, body = ProblemBody, description = "malformed-json", content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, description = "bad-credentials", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation", content_type = "application/problem+json"),
        (status = 429, body = ProblemBody, description = "account-locked: Retry-After says for how long", content_type = "application/problem+json"),
    ),
    security(())
)]
pub(super) async fn log_in(
    core: web::Data<Core>,
    scope: Scope,
    request: HttpRequest,
    body: Body<LoginIn>,
) -> Result<HttpResponse, Problem> {
    use secrecy::ExposeSecret as _;
    let LoginIn { username, password } = body.value.read()?;
    if username.trim().is_empty() || username.len() > 180 {
        return Err(Problem::field(
            "username",
            "length",
            "Give 1 to 180 characters.",
        ));
    }
    if password.expose_secret().is_empty()
        || password.expose_secret().chars().count() > password::MAX_LENGTH
    {
        return Err(Problem::field(
            "password",
            "length",
            "Give 1 to 256 characters.",
        ));
    }
    let ip = request.peer_addr().map(|address| address.ip().to_string());
    let token = login::by_password(
        &core,
        scope.tenancy(),
        Candidate {
            username,
            password,
            ip,
        },
    )
    .await?;
    Ok(answer(token))
}

/// Public: sessions by cookie come with single sign-on.
#[utoipa::path(
    get, path = "/lang/api/session-auth", operation_id = "identity.session.token", tag = "auth",
    summary = "Turns the session of the browser into a token",
    description = "For a citizen who logged in by single sign-on and comes with the session's cookie.",
    responses(
        (status = 200, body = TokenOut, description = "The token"),
        (status = 401, body = ProblemBody, description = "unauthenticated: nobody is logged in", content_type = "application/problem+json"),
    ),
    security(())
)]
pub(super) async fn get_session(_scope: Scope) -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        ProblemKind::Unauthenticated,
        "Nobody is logged in in this browser. Log in, or POST to get an anonymous token.",
    ))
}

/// Public: that is its purpose.
#[utoipa::path(
    post, path = "/lang/api/session-auth", operation_id = "identity.session.create", tag = "auth",
    summary = "A token of a new anonymous citizen",
    description = "For services that may be used without logging in. Each call makes a new citizen without a name.",
    responses(
        (status = 200, body = TokenOut, description = "The token"),
        (status = 404, body = ProblemBody, description = "unknown-tenant", content_type = "application/problem+json"),
    ),
    security(())
)]
pub(super) async fn create_anonymous(
    core: web::Data<Core>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    Ok(answer(login::anonymous(&core, scope.tenancy()).await?))
}

/// What widgets ask before they send.
pub(super) async fn session_options(_scope: Scope) -> HttpResponse {
    HttpResponse::Ok().json(Vec::<String>::new())
}

#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "identity.key.list", tag = "auth",
    summary = "The public keys that verify the tokens",
    description = "Whoever receives a token of this installation verifies it with these (RFC 7517).",
    responses((status = 200, body = KeysOut, description = "RFC 7517")),
    security(())
)]
pub(super) async fn list_keys(core: web::Data<Core>) -> HttpResponse {
    let keys = core
        .keys
        .public()
        .into_iter()
        .map(|key| KeyOut {
            kty: "RSA",
            usage: "sig",
            alg: "RS256",
            kid: key.kid,
            n: key.n,
            e: key.e,
        })
        .collect();
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "public, max-age=60"))
        .json(KeysOut { keys })
}

fn answer(token: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(TokenOut { token })
}
