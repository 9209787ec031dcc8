//! Users over HTTP, and the citizens that events name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use actix_web::http::Method;
use opencity_kernel::events::Topic;
use opencity_kernel::module::Module;
use serde_json::{Value, json};
use support::World;
use uuid::Uuid;

const CITIZEN: &str = "RSSMRA80A01H501U";
const OFFICE: &str = "01943ffe-0680-7438-ae6b-000000000101";
const OPERATOR: &str = "01943ffe-0680-7438-ae6b-000000000002";

#[actix_web::test]
async fn staff_finds_a_citizen_by_his_code_in_any_case_and_version() {
    let world = World::demo().await;
    let token = world.token("operatore").await;
    let one = world
        .get("/lang/api/users?cf=rssmra80a01h501u&_=17", &token)
        .await;
    assert_eq!(one.status, 200);
    assert_eq!(
        (
            &one.body[0]["nome"],
            &one.body[0]["codice_fiscale"],
            &one.body[0]["role"]
        ),
        (&json!("Mario"), &json!(CITIZEN), &json!("user"))
    );
    let two = world
        .get(
            "/lang/api/users?roles=cps&cf=RSSMRA80A01H501U&version=2",
            &token,
        )
        .await;
    assert_eq!(
        (&two.body[0]["given_name"], &two.body[0]["tax_code"]),
        (&json!("Mario"), &json!(CITIZEN))
    );
    assert_eq!(
        world
            .get("/lang/api/users?cf=X&roles=admin", &token)
            .await
            .status,
        400
    );
    let members = world
        .get(
            &format!("/lang/api/users?roles=operatore&user_group_id={OFFICE}"),
            &token,
        )
        .await;
    assert_eq!(members.body.as_array().unwrap().len(), 1);
    assert_eq!(members.body[0]["username"], "operatore");
}

#[actix_web::test]
async fn a_citizen_sees_and_changes_only_himself() {
    let world = World::demo().await;
    let token = world.token(CITIZEN).await;
    let list = world.get("/lang/api/users?limit=1", &token).await;
    assert_eq!(list.body[0]["codice_fiscale"], CITIZEN);
    let me = format!("/lang/api/users/{}", list.body[0]["id"].as_str().unwrap());
    assert_eq!(
        world
            .get(&format!("/lang/api/users/{OPERATOR}"), &token)
            .await
            .status,
        403
    );
    assert_eq!(
        world
            .get(&format!("/lang/api/users/{}", Uuid::now_v7()), &token)
            .await
            .status,
        404
    );

    let patch = world
        .call(
            Method::PATCH,
            &me,
            Some(&token),
            Some(json!({"cellulare": "+39055", "citta_domicilio": "Bugliano"})),
        )
        .await;
    assert_eq!(
        (patch.status, patch.body),
        (200, json!(["Object Patched Successfully"]))
    );
    let shown = world.get(&me, &token).await.body;
    assert_eq!(
        (&shown["cellulare"], &shown["citta_domicilio"]),
        (&json!("+39055"), &json!("Bugliano"))
    );
    let echoed = world
        .call(Method::PUT, &me, Some(&token), Some(shown))
        .await;
    assert_eq!(
        (echoed.status, echoed.body),
        (200, json!(["Object Modified Successfully"]))
    );
    for wrong in [
        json!({"cognome": "Bianchi"}),
        json!({"codice_fiscale": "VRDGLI92M54F205A"}),
        json!({"role": "admin"}),
    ] {
        assert_eq!(
            world
                .call(Method::PATCH, &me, Some(&token), Some(wrong.clone()))
                .await
                .status,
            422,
            "{wrong}"
        );
    }
    let password = world
        .call(
            Method::PATCH,
            &me,
            Some(&token),
            Some(json!({"password": "a long password"})),
        )
        .await;
    assert_eq!(password.status, 403);
    assert_eq!(
        world
            .call(Method::DELETE, &me, Some(&token), None)
            .await
            .status,
        403
    );
}

#[actix_web::test]
async fn operators_make_citizens_and_nobody_else() {
    let world = World::demo().await;
    let token = world.token("operatore").await;
    let new = json!({"nome": "Gino", "cognome": "Neri", "codice_fiscale": "rssmra80a01h50mm"});
    let made = world.post("/lang/api/users", &token, new.clone()).await;
    assert_eq!(
        (made.status, &made.body["codice_fiscale"]),
        (201, &json!("RSSMRA80A01H50MM"))
    );
    let again = world.post("/lang/api/users", &token, new).await;
    assert_eq!(
        (again.status, again.body["errors"][0]["field"].as_str()),
        (409, Some("codice_fiscale"))
    );
    let wrong = world
        .post(
            "/lang/api/users",
            &token,
            json!({"nome": "G", "cognome": "N", "codice_fiscale": "RSSMRA80A01H501X"}),
        )
        .await;
    assert_eq!(
        (wrong.status, wrong.body["errors"][0]["field"].as_str()),
        (422, Some("codice_fiscale"))
    );
    assert!(
        !wrong.body.to_string().contains("RSSMRA"),
        "the answer does not repeat the value"
    );
    let colleague = json!({"role": "operator", "username": "x", "nome": "X", "cognome": "Y"});
    assert_eq!(
        world
            .post("/lang/api/users", &token, colleague)
            .await
            .status,
        403
    );
}

#[actix_web::test]
async fn what_is_wrong_with_a_user_is_named_in_the_words_of_the_version() {
    let world = World::demo().await;
    let token = world.token("operatore").await;
    let long = "a".repeat(300);
    let body = json!({"codice_fiscale": "X", "cellulare": long, "cap_domicilio": long, "residency": {"county": long}});
    let one = [
        "cap_domicilio",
        "cellulare",
        "codice_fiscale",
        "cognome",
        "nome",
        "provincia_residenza",
    ];
    let two = [
        "domicile.post_code",
        "family_name",
        "given_name",
        "mobile_phone",
        "residency.county",
        "tax_code",
    ];
    for (version, fields) in [(1, one), (2, two)] {
        let path = format!("/lang/api/users?version={version}");
        let refused = world.post(&path, &token, body.clone()).await;
        assert_eq!(refused.status, 422);
        let errors = refused.body["errors"].as_array().unwrap();
        let mut named: Vec<&str> = errors
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, fields);
    }
    // A wrong type is named as it was sent.
    for field in ["nome", "given_name", "cap_domicilio"] {
        let refused = world
            .post("/lang/api/users", &token, json!({field: 5}))
            .await;
        assert_eq!(
            refused.body["errors"][0]["field"], field,
            "{}",
            refused.body
        );
    }
    let citizen = world
        .post(
            "/lang/api/users",
            &token,
            json!({"nome": "G", "cognome": "N", "codice_fiscale": "RSSMRA80A01H50MM"}),
        )
        .await;
    let path = format!("/lang/api/users/{}", citizen.body["id"].as_str().unwrap());
    for (version, field) in [(1, "cognome"), (2, "family_name")] {
        let path = format!("{path}?version={version}");
        let refused = world
            .call(Method::PUT, &path, Some(&token), Some(json!({"nome": "G"})))
            .await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (422, &json!(field))
        );
        let refused = world
            .call(
                Method::PATCH,
                &path,
                Some(&token),
                Some(json!({"family_name": long})),
            )
            .await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (422, &json!(field))
        );
    }
}

#[actix_web::test]
async fn an_administrator_gives_and_takes_rights_and_the_directory_knows_at_once() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let new = json!({"role": "operator", "username": "nuovo", "password": "opencity-demo", "nome": "N", "cognome": "O", "user_groups_ids": [OFFICE]});
    let made = world.post("/lang/api/users", &admin, new.clone()).await;
    assert_eq!(
        (
            made.status,
            &made.body["role"],
            &made.body["user_groups_ids"]
        ),
        (201, &json!("operator"), &json!([OFFICE]))
    );
    assert_eq!(world.post("/lang/api/users", &admin, new).await.status, 409);
    let token = world.token("nuovo").await;
    assert_eq!(
        world
            .get("/lang/api/users?roles=operatore", &token)
            .await
            .status,
        200
    );

    let path = format!("/lang/api/users/{}", made.body["id"].as_str().unwrap());
    let unknown = world
        .call(
            Method::PATCH,
            &path,
            Some(&admin),
            Some(json!({"user_groups_ids": [Uuid::now_v7()]})),
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.body["code"].as_str()),
        (422, Some("unknown-reference"))
    );
    assert_eq!(
        world
            .call(
                Method::PATCH,
                &path,
                Some(&admin),
                Some(json!({"enabled": false}))
            )
            .await
            .status,
        200
    );
    world.settle().await;
    assert_eq!(
        world.get("/lang/api/users", &token).await.status,
        401,
        "his token is worth nothing now"
    );
    assert_eq!(world.log_in("nuovo", "opencity-demo").await.status, 401);
    let told: Vec<Value> = world
        .events()
        .await
        .into_iter()
        .filter(|it| it.topic == Topic::Security)
        .map(|it| it.payload)
        .collect();
    let last = told
        .iter()
        .rfind(|it| it["type"] == "rights_changed")
        .unwrap();
    assert_eq!(
        (
            &last["details"]["before"]["enabled"],
            &last["details"]["after"]["enabled"]
        ),
        (&json!(true), &json!(false))
    );

    let platform = json!({"role": "platform", "username": "p", "nome": "P", "cognome": "P"});
    assert_eq!(
        world.post("/lang/api/users", &admin, platform).await.status,
        403
    );
    assert_eq!(
        world
            .call(Method::DELETE, &path, Some(&admin), None)
            .await
            .status,
        204
    );
    assert_eq!(world.get(&path, &admin).await.status, 404);
}

#[actix_web::test]
async fn a_corrected_code_is_an_alias_of_the_same_citizen() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let id = world
        .get(&format!("/lang/api/users?cf={CITIZEN}"), &admin)
        .await
        .body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/lang/api/users/{id}");
    assert_eq!(
        world
            .call(
                Method::PATCH,
                &path,
                Some(&admin),
                Some(json!({"codice_fiscale": "RSSMRA80A01H50MM"}))
            )
            .await
            .status,
        200
    );
    let event = world
        .events_of(Topic::Users, &id)
        .await
        .pop()
        .unwrap()
        .payload;
    let alias = event["aliases"][0].as_str().unwrap();
    assert_ne!(alias, id);
    assert_eq!(
        world
            .get(&format!("/lang/api/users/{alias}"), &admin)
            .await
            .body["id"],
        json!(id)
    );
}

#[actix_web::test]
async fn an_operator_is_enabled_for_services_that_exist() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let service = Uuid::new_v4();
    let with = |id: Uuid| json!({"enabled_services_ids": [id]});
    let path = format!("/lang/api/users/{OPERATOR}");
    let patch = async |body: Value| {
        world
            .call(Method::PATCH, &path, Some(&admin), Some(body))
            .await
    };
    let refused = patch(with(service)).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["field"]),
        (422, &json!("enabled_services_ids"))
    );
    let body = json!({"id": service, "name": "IMU"});
    let tenant = world.tenancy.tenant_id().to_string();
    world.tell(Topic::Services, tenant, service, body).await;
    world.settle().await;
    let enabled = patch(with(service)).await;
    assert_eq!(enabled.status, 200, "{}", enabled.body);
}

fn application(user: Uuid, code: &str) -> Value {
    json!({
        "user": user, "service_id": Uuid::nil(), "tenant": Uuid::nil(), "status": "1900", "updated_at": "2025-01-01T00:00:00+01:00",
        "data": {
            "applicant.data.completename.data.name": "Lia", "applicant.data.completename.data.surname": "Blu",
            "applicant.data.fiscal_code.data.fiscal_code": code, "applicant.data.email_address": "lia@example.org"
        }
    })
}

#[actix_web::test]
async fn the_citizen_of_an_application_is_made_once_and_never_overwritten() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let code = "RSSMRA80A01H5LMX";
    let id = opencity_kernel::crypto::citizen_id(
        &world.ctx.platform.citizen_ids,
        world.tenancy.tenant_id().uuid(),
        code,
    );
    for _ in 0..2 {
        world
            .tell(
                Topic::Applications,
                "s".to_owned(),
                Uuid::now_v7(),
                application(id, code),
            )
            .await;
    }
    world.settle().await;
    let found = world
        .get(&format!("/lang/api/users?cf={code}"), &admin)
        .await
        .body;
    assert_eq!(
        (&found[0]["id"], &found[0]["nome"], &found[0]["email"]),
        (&json!(id), &json!("Lia"), &json!("lia@example.org"))
    );
    assert_eq!(
        world.events_of(Topic::Users, &id.to_string()).await.len(),
        1
    );

    let known = opencity_kernel::crypto::citizen_id(
        &world.ctx.platform.citizen_ids,
        world.tenancy.tenant_id().uuid(),
        CITIZEN,
    );
    world
        .tell(
            Topic::Applications,
            "s".to_owned(),
            Uuid::now_v7(),
            application(known, CITIZEN),
        )
        .await;
    world.settle().await;
    assert_eq!(
        world
            .get(&format!("/lang/api/users?cf={CITIZEN}"), &admin)
            .await
            .body[0]["nome"],
        "Mario"
    );
}

#[actix_web::test]
async fn a_code_typed_by_an_anonymous_person_gives_him_no_identity() {
    let world = World::demo().await;
    let admin = world.token("admin").await;
    let nobody = Uuid::new_v4();
    world
        .tell(
            Topic::Applications,
            "s".to_owned(),
            Uuid::now_v7(),
            application(nobody, CITIZEN),
        )
        .await;
    world.settle().await;
    let shown = world
        .get(&format!("/lang/api/users/{nobody}"), &admin)
        .await;
    assert_eq!(
        (shown.status, &shown.body["codice_fiscale"]),
        (200, &json!(null))
    );
    assert_eq!(
        world
            .get(&format!("/lang/api/users?cf={CITIZEN}"), &admin)
            .await
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[actix_web::test]
async fn the_present_state_can_be_told_again() {
    let world = World::demo().await;
    let before = world.events().await.len();
    assert_eq!(world.module.republish(Topic::Users).await.unwrap(), Some(6));
    assert_eq!(
        world.module.republish(Topic::UserGroups).await.unwrap(),
        Some(1)
    );
    assert_eq!(world.module.republish(Topic::Services).await.unwrap(), None);
    let events = world.events().await;
    assert!(
        events[before..]
            .iter()
            .all(|it| it.is_republished() && it.aggregate_version == 1)
    );
}

#[actix_web::test]
async fn seeding_twice_changes_nothing() {
    let world = World::demo().await;
    let before = world.events().await.len();
    world.module.seed_demo().await.unwrap();
    assert_eq!(world.events().await.len(), before);
}
