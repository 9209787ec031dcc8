//! Logging in, tokens and keys.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use actix_web::http::Method;
use opencity_identity::{NewUser, UserKind, create_user, rotate_keys, set_password};
use opencity_kernel::ProblemKind;
use opencity_kernel::events::Topic;
use opencity_kernel::module::Module;
use serde_json::json;
use support::World;

const CITIZEN: &str = "RSSMRA80A01H501U";

#[actix_web::test]
async fn a_password_gives_a_token_that_the_whole_installation_believes() {
    let world = World::demo().await;
    let token = world.token("operatore").await;
    let claims = world.ctx.platform.verifier.verify(&token).unwrap();
    assert_eq!(claims.username, "operatore");
    assert_eq!(claims.roles, ["ROLE_USER", "ROLE_OPERATORE"]);
    assert_eq!(claims.tenant_id, world.tenancy.tenant_id());
    assert_eq!(
        (
            claims.iss.as_str(),
            claims.aud.as_str(),
            claims.exp - claims.iat
        ),
        ("opencity", "opencity", 3600)
    );
    assert_eq!(
        (claims.auth.method.as_str(), claims.auth.level),
        ("password", 1000)
    );
    assert!(!token.contains('='), "base64url without padding");

    let jwks = world
        .call(Method::GET, "/.well-known/jwks.json", None, None)
        .await;
    let key = &jwks.body["keys"][0];
    assert_eq!(
        (
            key["kty"].as_str(),
            key["use"].as_str(),
            key["alg"].as_str()
        ),
        (Some("RSA"), Some("sig"), Some("RS256"))
    );
    assert!(
        key["n"].as_str().unwrap().len() >= 342 && key["kid"].is_string(),
        "2048 bits"
    );
}

#[actix_web::test]
async fn each_kind_of_user_has_its_roles() {
    let world = World::demo().await;
    for (name, role) in [
        ("admin", "ROLE_ADMIN"),
        ("api", "ROLE_OPERATORE"),
        ("piattaforma", "ROLE_PLATFORM_ADMIN"),
        (CITIZEN, "ROLE_CPS_USER"),
    ] {
        let claims = world
            .ctx
            .platform
            .verifier
            .verify(&world.token(name).await)
            .unwrap();
        assert_eq!(claims.roles, ["ROLE_USER", role], "{name}");
    }
}

#[actix_web::test]
async fn a_token_sent_with_a_login_is_not_looked_at() {
    let world = World::demo().await;
    let body = json!({"username": "ADMIN", "password": "opencity-demo"});
    let answer = world
        .call(
            Method::POST,
            "/lang/api/auth",
            Some("expired.or.broken"),
            Some(body),
        )
        .await;
    assert_eq!(answer.status, 200);
}

#[actix_web::test]
async fn after_three_wrong_passwords_the_right_one_has_to_wait() {
    let world = World::demo().await;
    for _ in 0..3 {
        let answer = world.log_in("operatore", "wrong").await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (401, Some("bad-credentials"))
        );
        assert!(answer.body["message"].is_string());
    }
    let answer = world.log_in("Operatore", "opencity-demo").await;
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (429, Some("account-locked"))
    );
    assert!((1..=600).contains(&answer.retry_after.unwrap()));
    assert_eq!(
        world.log_in("admin", "opencity-demo").await.status,
        200,
        "others are not locked"
    );
}

#[actix_web::test]
async fn a_name_that_nobody_has_is_answered_as_one_that_somebody_has() {
    let world = World::demo().await;
    let known = world.log_in("operatore", "wrong").await.body;
    let mut unknown = world.log_in("nobody", "wrong").await.body;
    unknown["instance"] = known["instance"].clone();
    assert_eq!(unknown, known);
    for _ in 0..2 {
        world.log_in("nobody", "wrong").await;
    }
    assert_eq!(world.log_in("nobody", "wrong").await.status, 429);
}

#[actix_web::test]
async fn a_success_forgets_the_failures_before() {
    let world = World::demo().await;
    for _ in 0..3 {
        world.log_in("operatore", "wrong").await;
        world.log_in("operatore", "wrong").await;
        assert_eq!(world.log_in("operatore", "opencity-demo").await.status, 200);
    }
}

#[actix_web::test]
async fn a_citizen_logs_in_by_his_code_in_any_case_and_each_login_is_told() {
    let world = World::demo().await;
    let token = world.token("rssmra80a01h501u").await;
    let id = world.ctx.platform.verifier.verify(&token).unwrap().id;
    assert_eq!(id.uuid().get_version_num(), 8);
    world.token(CITIZEN).await;
    let events = world.events_of(Topic::Users, &id.to_string()).await;
    let reasons: Vec<_> = events
        .iter()
        .map(|it| it.payload["event_reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["created", "login", "login"]);
    let versions: Vec<_> = events.iter().map(|it| it.aggregate_version).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(events[1].payload["tax_code"], CITIZEN);
    assert_eq!(events[1].payload["event_version"], 2);
}

#[actix_web::test]
async fn a_citizen_may_log_in_twice_at_the_same_moment() {
    let world = World::demo().await;
    let logins =
        futures::future::join_all((0..6).map(|_| world.log_in(CITIZEN, "opencity-demo"))).await;
    assert!(logins.iter().all(|it| it.status == 200));
}

#[actix_web::test]
async fn guesses_sent_at_the_same_moment_are_not_more_than_there_are_turns() {
    let world = World::demo().await;
    let guesses =
        futures::future::join_all((0..20).map(|_| world.log_in("operatore", "wrong"))).await;
    let tried = guesses.iter().filter(|it| it.status == 401).count();
    assert_eq!(tried, 3, "the others were told that the account is locked");
    assert!(
        guesses
            .iter()
            .all(|it| it.status == 401 || it.status == 429)
    );
}

#[actix_web::test]
async fn an_anonymous_citizen_gets_a_token_and_a_row() {
    let world = World::demo().await;
    let answer = world
        .call(Method::POST, "/lang/api/session-auth", None, None)
        .await;
    let token = answer.body["token"].as_str().unwrap();
    let claims = world.ctx.platform.verifier.verify(token).unwrap();
    assert_eq!(
        (claims.auth.method.as_str(), claims.auth.level),
        ("anonymous", 0)
    );
    let me = world
        .get(&format!("/lang/api/users/{}", claims.id), token)
        .await;
    assert_eq!(
        (me.status, me.body["codice_fiscale"].clone()),
        (200, json!(null))
    );
    let another = world
        .call(Method::POST, "/lang/api/session-auth", None, None)
        .await;
    assert_ne!(
        world
            .ctx
            .platform
            .verifier
            .verify(another.body["token"].as_str().unwrap())
            .unwrap()
            .id,
        claims.id
    );
}

#[actix_web::test]
async fn without_a_session_there_is_no_token() {
    let world = World::demo().await;
    assert_eq!(
        world
            .call(
                Method::GET,
                "/lang/api/session-auth?with-cookie=1",
                None,
                None
            )
            .await
            .status,
        401
    );
    let options = world
        .call(Method::OPTIONS, "/lang/api/session-auth", None, None)
        .await;
    assert_eq!((options.status, options.body), (200, json!([])));
}

#[actix_web::test]
async fn a_rotated_key_is_believed_and_signs_no_more() {
    let world = World::demo().await;
    let old = world.token("admin").await;
    rotate_keys(&world.ctx).await.unwrap();
    // As a process that starts now.
    world.module.prepare().await.unwrap();
    let new = world.token("admin").await;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new));
    for token in [&old, &new] {
        assert!(world.ctx.platform.verifier.verify(token).is_ok());
    }
    let jwks = world
        .call(Method::GET, "/.well-known/jwks.json", None, None)
        .await;
    assert_eq!(jwks.body["keys"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn the_command_line_makes_users_and_sets_passwords() {
    let world = World::demo().await;
    let new = NewUser {
        kind: UserKind::Administrator,
        username: Some("Boss".to_owned()),
        password: Some("a long password".to_owned().into()),
        given_name: Some("B".to_owned()),
        family_name: Some("Oss".to_owned()),
        ..NewUser::default()
    };
    create_user(&world.ctx, world.tenancy, new.clone())
        .await
        .unwrap();
    assert_eq!(world.log_in("boss", "a long password").await.status, 200);
    let again = create_user(
        &world.ctx,
        world.tenancy,
        NewUser {
            username: Some("BOSS".to_owned()),
            ..new.clone()
        },
    )
    .await;
    assert_eq!(again.unwrap_err().kind(), ProblemKind::AlreadyExists);
    let short = NewUser {
        username: Some("other".to_owned()),
        password: Some("short".to_owned().into()),
        ..new
    };
    assert_eq!(
        create_user(&world.ctx, world.tenancy, short)
            .await
            .unwrap_err()
            .kind(),
        ProblemKind::Validation
    );

    set_password(
        &world.ctx,
        world.tenancy,
        "boss",
        "another password".to_owned().into(),
    )
    .await
    .unwrap();
    assert_eq!(world.log_in("boss", "a long password").await.status, 401);
    assert_eq!(world.log_in("boss", "another password").await.status, 200);
}

#[actix_web::test]
async fn nothing_secret_is_ever_told() {
    let world = World::demo().await;
    let token = world.token(CITIZEN).await;
    world.log_in("operatore", "wrong-password").await;
    let told: String = world
        .events()
        .await
        .iter()
        .map(|it| it.payload.to_string())
        .collect();
    for secret in ["argon2", "opencity-demo", "wrong-password", token.as_str()] {
        assert!(!told.contains(secret), "{secret}");
    }
    let facts: Vec<String> = world
        .events()
        .await
        .iter()
        .filter(|it| it.topic == Topic::Security)
        .map(|it| it.payload.to_string())
        .collect();
    assert!(
        facts.iter().any(|it| it.contains("\"login\""))
            && facts.iter().any(|it| it.contains("\"login_failed\""))
    );
    assert!(
        facts.iter().all(|it| !it.contains(CITIZEN)),
        "the security log names users by id alone"
    );
}
