//! Rights: states, owners, roles, uploads, tokens, bodies of other places.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::{APPLICATIONS, JSON, Town, refused, report};
use crate::common::{Client, Platform, demo, until};
use crate::main_job::PDF;

const OTHER_HOST: &str = "servizi.altrove.example";

/// What the application's state, or its owner, does not allow.
pub async fn rights(town: &Town) {
    let transition = |name: &str| town.at(&format!("/transition/{name}"));
    let answer = town
        .operator
        .post(&transition("cancel-integration"), &json!({}))
        .await;
    let body = answer.json();
    assert_eq!(body["state"], "2000", "{body}");
    assert!(body["allowed"].is_array(), "{body}");
    refused(
        "no integration to cancel",
        answer,
        422,
        "illegal-transition",
    );
    let answer = town
        .operator
        .post(&transition("change-status"), &json!({"status": "1234"}))
        .await;
    refused("an unknown state", answer, 422, "validation");

    let message = json!({"message": "Ecco.", "visibility": "applicant"});
    for (what, path, body) in [
        ("an answer", town.at("/messages"), &message),
        ("a submission", transition("submit"), &json!({})),
        (
            "a withdrawal",
            transition("withdraw"),
            &json!({"message": "No"}),
        ),
    ] {
        let answer = town.other.post(&path, body).await;
        refused(
            &format!("{what} of another citizen"),
            answer,
            403,
            "forbidden",
        );
    }
    for path in [town.at(""), town.at("/history"), town.at("/messages")] {
        refused(&path, town.other.get(&path).await, 403, "forbidden");
    }
    // Wrong roles.
    let answer = town.citizen.post(&transition("assign"), &json!([])).await;
    refused("a citizen who assigns", answer, 403, "forbidden");
    let answer = town
        .citizen
        .post("/lang/api/tenants", &json!({"slug": "mio", "name": "Mio"}))
        .await;
    refused("a citizen who makes a tenant", answer, 403, "forbidden");
    let answer = town.anonymous.get(&town.at("")).await;
    refused("nobody in particular", answer, 403, "forbidden");
}

/// Files that are not what was announced.
pub async fn uploads(town: &Town) {
    let citizen = &town.citizen;
    let announce = |size: usize, name: &'static str| json!({"name": name, "original_filename": name, "size": size, "protocol_required": true, "mime_type": "application/pdf", "description": "Allegato"});
    let begin = async |body: Value| citizen.post("/lang/it/upload", &body).await;
    let answer = begin(announce(0, "vuoto.pdf")).await;
    refused("an empty file", answer, 422, "file-refused");
    let answer = begin(announce(9, "programma.exe")).await;
    refused("a program", answer, 422, "file-refused");
    let answer = begin(announce(100_000_000, "enorme.pdf")).await;
    refused("a file too large", answer, 413, "upload-too-large");

    let begun = begin(announce(PDF.len() + 1, "planimetria.pdf"))
        .await
        .expect(201);
    let send = async |uri: &Value| {
        citizen
            .send(
                Method::PUT,
                uri.as_str().unwrap(),
                &[("content-type", "multipart/form-data")],
                Some(PDF.to_vec()),
            )
            .await
            .unwrap()
    };
    let answer = send(&begun["uri"]).await;
    refused("a lying size", answer, 422, "upload-mismatch");

    let begun = begin(announce(PDF.len(), "planimetria.pdf"))
        .await
        .expect(201);
    send(&begun["uri"]).await.expect(200);
    let finish = format!("/lang/it/upload/{}", begun["id"].as_str().unwrap());
    let said = json!({"file_hash": "0".repeat(64), "check_signature": false});
    let answer = citizen.json(Method::PUT, &finish, &said).await;
    refused("a lying hash", answer, 422, "upload-mismatch");
    let answer = town.other.json(Method::PUT, &finish, &said).await;
    refused("somebody else's upload", answer, 403, "forbidden");

    // A file that was not confirmed is not a file of an application.
    let mut data = report();
    data["docs"] = json!([{"name": "planimetria.pdf", "url": begun["uri"], "size": PDF.len(), "type": "application/pdf", "originalName": "planimetria.pdf", "hash": "", "data": {"id": begun["id"], "uri": begun["uri"]}}]);
    let body = json!({"service": demo::REPORT, "data": data});
    let answer = citizen.post(APPLICATIONS, &body).await;
    refused("an unfinished upload", answer, 422, "file-refused");
}

/// The key was used for another body.
pub async fn idempotency(town: &Town) {
    let headers = [JSON, ("idempotency-key", "bad-input-1")];
    let message = async |text: &str| {
        let body = json!({"message": text, "visibility": "applicant"});
        town.citizen
            .send(
                Method::POST,
                &town.at("/messages"),
                &headers,
                Some(body.to_string().into_bytes()),
            )
            .await
            .unwrap()
    };
    let first = message("Il lampione è spento.").await.expect(201);
    let before = town.snapshot().await;
    let answer = message("Il lampione è acceso.").await;
    refused("another body", answer, 422, "idempotency-mismatch");
    let again = message("Il lampione è spento.").await.expect(201);
    assert_eq!(again["id"], first["id"]);
    town.unchanged("an idempotency key with another body", &before)
        .await;
}

/// The same token with another role inside.
fn forged(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["roles"] = json!(["ROLE_ADMIN"]);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

/// The same token, not signed at all.
fn unsigned(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    format!("{header}.{claims}.")
}

/// Tokens that are none, or another body's.
pub async fn tokens(town: &Town, stranger: &Client) {
    let open = town.platform.client();
    let token = town.citizen.token();
    for (what, client) in [
        ("no token", open.clone()),
        ("no token at all", open.with_token("nonsense")),
        ("a forged token", open.with_token(&forged(token))),
        ("an unsigned token", open.with_token(&unsigned(token))),
    ] {
        refused(what, client.get(&town.at("")).await, 401, "unauthenticated");
        let body = json!({"service": demo::REPORT, "data": report()});
        let answer = client.post(APPLICATIONS, &body).await;
        refused(what, answer, 401, "unauthenticated");
    }
    // The other body's administrator, here; this body's operator, there.
    for path in [APPLICATIONS.to_owned(), town.at("")] {
        refused(&path, stranger.get(&path).await, 403, "tenant-mismatch");
    }
    let answer = stranger
        .post(&town.at("/transition/assign"), &json!([]))
        .await;
    refused("another body's user", answer, 403, "tenant-mismatch");
    let there = async |client: &Client, path: &str| {
        client
            .send(Method::GET, path, &[("host", OTHER_HOST)], None)
            .await
            .unwrap()
    };
    let answer = there(&town.operator, APPLICATIONS).await;
    refused("our token there", answer, 403, "tenant-mismatch");
    let answer = there(stranger, &town.at("")).await;
    refused("our application there", answer, 404, "not-found");
    let answer = stranger.get("/altrove/api/applications").await;
    refused("its slug under our host", answer, 404, "unknown-tenant");
}

/// A second body, and its administrator logged in.
pub async fn other_tenant(platform: &Platform) -> Client {
    platform.command(&[
        "tenant",
        "create",
        "--slug",
        "altrove",
        "--name",
        "Comune di Altrove",
        "--host",
        OTHER_HOST,
    ]);
    let password = "una frase lunga davvero";
    platform.command_with_input(
        &[
            "user",
            "create",
            "--tenant",
            "altrove",
            "--kind",
            "admin",
            "--username",
            "ada",
            "--given-name",
            "Ada",
            "--family-name",
            "Neri",
            "--email",
            "ada@altrove.example",
        ],
        password,
    );
    let client = platform.client();
    let body = json!({"username": "ada", "password": password}).to_string();
    let token = until("the other tenant is known", || async {
        let answer = client
            .send(
                Method::POST,
                "/lang/api/auth",
                &[JSON, ("host", OTHER_HOST)],
                Some(body.clone().into_bytes()),
            )
            .await
            .unwrap();
        answer.json()["token"].as_str().map(str::to_owned)
    })
    .await;
    client.with_token(&token)
}

/// Three wrong passwords lock the account, for the right one too.
pub async fn lockout(town: &Town) {
    let client = town.platform.client();
    let login = async |username: &str, password: &str| {
        let body = json!({"username": username, "password": password});
        client.post("/lang/api/auth", &body).await
    };
    for username in ["api", "nessuno"] {
        for _ in 0..3 {
            let answer = login(username, "sbagliata").await;
            refused("a wrong password", answer, 401, "bad-credentials");
        }
        let answer = login(username, demo::PASSWORD).await;
        let seconds: u64 = answer.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=600).contains(&seconds), "{seconds}");
        refused("a locked account", answer, 429, "account-locked");
    }
}

/// An hour later, no token is good any more.
pub async fn expiry(town: &Town) {
    let hour = "/_test/clock/3601";
    let moved = town
        .platform
        .client()
        .send(Method::POST, hour, &[], None)
        .await
        .unwrap();
    moved.expect(204);
    let message = json!({"message": "Ecco.", "visibility": "applicant"});
    for client in [&town.citizen, &town.operator] {
        refused(
            "expired",
            client.get(&town.at("")).await,
            401,
            "token-expired",
        );
        let answer = client.post(&town.at("/messages"), &message).await;
        refused("expired", answer, 401, "token-expired");
    }
    town.platform.client().login("operatore").await;
}
