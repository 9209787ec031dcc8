//! The registry data of a body over HTTP: users and offices, the body itself, services with what they refer to, documents, payments.

mod services;

use reqwest::Method;
use serde_json::{Value, json};

use self::services::{services, vocabularies};
use crate::common::{Client, Platform, Store, demo, example, until};
use crate::main_job::{apply, in_state};

const OFFICE: &str = "01943ffe-0680-7438-ae6b-000000000101";
const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

/// Who asks.
struct Town {
    platform: Platform,
    anyone: Client,
    citizen: Client,
    operator: Client,
    admin: Client,
}

impl Town {
    async fn start(store: Store) -> Self {
        let platform = Platform::start(store).await;
        let anyone = platform.client();
        Self {
            citizen: anyone.login(demo::CITIZEN).await,
            operator: anyone.login("operatore").await,
            admin: anyone.login("admin").await,
            anyone,
            platform,
        }
    }
}

fn api(path: &str) -> String {
    format!("/lang/api/{path}")
}

async fn get(client: &Client, path: &str) -> Value {
    client.get(&api(path)).await.expect(200)
}

async fn make(client: &Client, path: &str, body: Value) -> Value {
    client.post(&api(path), &body).await.expect(201)
}

async fn patch(client: &Client, path: &str, body: Value) {
    let done = client.json(Method::PATCH, &api(path), &body).await;
    assert_eq!(done.expect(200), json!(["Object Patched Successfully"]));
}

async fn put(client: &Client, path: &str, body: Value) {
    let done = client.json(Method::PUT, &api(path), &body).await;
    assert_eq!(done.expect(200), json!(["Object Modified Successfully"]));
}

async fn delete(client: &Client, path: &str) -> crate::common::Answer {
    let sent = client.send(Method::DELETE, &api(path), &[], None).await;
    sent.unwrap()
}

fn of<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap();
    list.iter().map(|one| one[key].as_str().unwrap()).collect()
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

async fn users(town: &Town) {
    let me = get(&town.citizen, "users?limit=1").await;
    assert_eq!(of(&me, "codice_fiscale"), [demo::CITIZEN]);
    let other = get(&town.citizen, &format!("users?cf={}", demo::OTHER_CITIZEN)).await;
    assert_eq!(other, json!([]));
    let two = get(&town.operator, "users?cf=rssmra80a01h501u&version=2").await;
    assert_eq!(of(&two, "tax_code"), [demo::CITIZEN]);
    assert_eq!(two[0]["domicile"]["county"], Value::Null);
    for (filter, name) in [("roles=operatore", "operatore"), ("role=admin", "admin")] {
        let found = get(&town.admin, &format!("users?{filter}&username={name}")).await;
        assert_eq!(of(&found, "username"), [name]);
    }
    for wrong in ["cf=x&role=admin", "roles=cps&username=a", "user_group_id=x"] {
        let answer = town.admin.get(&api(&format!("users?{wrong}"))).await;
        assert_eq!(answer.problem(400), "bad-parameter", "{wrong}");
    }
    let anonymous = town.anyone.anonymous().await;
    assert_eq!(get(&anonymous, "users").await.as_array().unwrap().len(), 1);

    let new = json!({"nome": "Gino", "cognome": "Neri", "codice_fiscale": "RSSMRA80A01H50MM"});
    let made = make(&town.operator, "users", new.clone()).await;
    let taken = town.operator.post(&api("users"), &new).await;
    assert_eq!(taken.problem(409), "already-exists");
    let at = format!("users/{}", id(&made));
    patch(&town.operator, &at, json!({"cellulare": "+39055"})).await;
    assert_eq!(delete(&town.operator, &at).await.problem(403), "forbidden");
    delete(&town.admin, &at).await.expect(204);
    town.admin.get(&api(&at)).await.expect(404);
}

async fn offices(town: &Town) {
    until(
        "the office with its member and the demo's services",
        || async {
            let ours = get(&town.anyone, &format!("user-groups/{OFFICE}")).await;
            (ours["users_count"] == 1 && ours["services_count"] == 3).then_some(())
        },
    )
    .await;
    let made = make(&town.admin, "user-groups", json!({"name": "Tributi"})).await;
    let at = format!("user-groups/{}", id(&made));
    assert_eq!(made["services_count"], 0);

    let service =
        json!({"name": "IMU", "status": 1, "flow_steps": [], "user_group_ids": [id(&made)]});
    let service = make(&town.admin, "services", service).await;
    let linked = get(
        &town.anyone,
        &format!("user-groups?service_id={}", id(&service)),
    )
    .await;
    assert_eq!(of(&linked, "name"), ["Tributi"]);
    assert_eq!(linked[0]["services_count"], 1);
    let none = get(&town.anyone, &format!("user-groups?service_id={NOBODY}")).await;
    assert_eq!(none, json!([]));
    assert_eq!(
        get(&town.anyone, "user-groups?has_calendar=true").await,
        json!([])
    );
    assert_eq!(delete(&town.admin, &at).await.problem(409), "still-in-use");

    patch(
        &town.admin,
        &format!("services/{}", id(&service)),
        json!({"user_group_ids": []}),
    )
    .await;
    let leader = json!({"role": "operator", "username": "capo", "nome": "C", "cognome": "A"});
    let leader = make(&town.admin, "users", leader).await;
    put(
        &town.admin,
        &at,
        json!({"name": "Ufficio tributi", "manager_id": id(&leader)}),
    )
    .await;
    let leads = delete(&town.admin, &format!("users/{}", id(&leader))).await;
    assert_eq!(leads.problem(409), "still-in-use");
    delete(&town.admin, &at).await.expect(204);
    delete(&town.admin, &format!("users/{}", id(&leader)))
        .await
        .expect(204);
    delete(&town.admin, &format!("services/{}", id(&service)))
        .await
        .expect(204);
}

async fn tenants(town: &Town) {
    let info = get(&town.anyone, "tenants/info").await;
    assert!(info["meta"][0].is_string() && info["meta"].as_array().unwrap().len() == 1);
    let slug = info["slug"].as_str().unwrap();
    let at = format!("tenants/{slug}");
    patch(
        &town.admin,
        &at,
        json!({"meta": [{"theme": "verde"}], "satisfy_entrypoint_id": "s1"}),
    )
    .await;
    let info = get(&town.anyone, "tenants/info").await;
    assert_eq!(
        (&info["meta"], &info["satisfy_entrypoint_id"]),
        (&json!(["{\"theme\":\"verde\"}"]), &json!("s1"))
    );
    put(&town.admin, &at, info).await;
    let logo = json!({"logo": {"mime_type": "image/png", "bytes": "iVBORw0KGgo="}});
    patch(&town.admin, &at, logo).await;
    let whole = get(&town.admin, &at).await;
    assert_eq!(whole["logo"]["sha256"].as_str().unwrap().len(), 64);

    let new = json!({"slug": "altro-comune", "name": "Altro Comune"});
    let refused = town.admin.post(&api("tenants"), &new).await;
    assert_eq!(refused.problem(403), "forbidden");
    let platform = town.anyone.login("piattaforma").await;
    make(&platform, "tenants", new).await;
    for method in [Method::PUT, Method::PATCH] {
        let foreign = town
            .admin
            .json(
                method,
                &api("tenants/altro-comune"),
                &json!({"name": "Mio"}),
            )
            .await;
        assert_eq!(foreign.problem(404), "not-found");
    }
    let anonymous = town
        .operator
        .json(Method::PATCH, &api(&at), &json!({"name": "Mio"}))
        .await;
    assert_eq!(anonymous.problem(403), "forbidden");
}

async fn records(town: &Town) {
    let data = example("segnalazione-disservizio");
    let sent = apply(&town.citizen, demo::REPORT, data).await;
    in_state(&town.citizen, id(&sent), "2000").await;
    let other = town.anyone.login(demo::OTHER_CITIZEN).await;
    let mine = get(
        &town.citizen,
        &format!("documents?application_id={}", id(&sent)),
    )
    .await;
    assert_eq!(mine.as_array().unwrap().len(), 1);
    let document = format!("documents/{}", id(&mine[0]));
    assert_eq!(get(&other, "documents").await, json!([]));
    assert_eq!(other.get(&api(&document)).await.problem(403), "forbidden");
    let query = |key: &str, value: &Value| {
        format!(
            "documents?{key}={}",
            value.as_str().unwrap().replace(' ', "%20")
        )
    };
    for path in [
        query("folder", &mine[0]["folder"]),
        query("folder-title", &mine[0]["folder_title"]),
        query("title", &mine[0]["title"]),
        format!("documents?cf={}", demo::CITIZEN.to_lowercase()),
    ] {
        assert!(
            of(&get(&town.operator, &path).await, "id").contains(&id(&mine[0])),
            "{path}"
        );
    }
    assert_eq!(
        town.citizen
            .get(&api("documents?limit=0"))
            .await
            .problem(400),
        "bad-parameter"
    );
    let folders = get(&town.citizen, "folders").await;
    assert!(of(&folders, "id").contains(&mine[0]["folder"].as_str().unwrap()));
    assert_eq!(get(&other, "folders").await, json!([]));

    for wrong in ["payments", "payments?remote_id=x"] {
        let answer = town.citizen.get(&api(wrong)).await;
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("remote_id"),
            "{wrong}"
        );
        assert_eq!(answer.problem(400), "bad-parameter");
    }
    for unknown in [NOBODY, id(&sent)] {
        let answer = town
            .citizen
            .get(&api(&format!("payments?remote_id={unknown}")))
            .await;
        assert_eq!(answer.problem(404), "not-found");
    }
}

async fn catalogue(store: Store) {
    let town = Town::start(store).await;
    users(&town).await;
    offices(&town).await;
    tenants(&town).await;
    vocabularies(&town).await;
    services(&town).await;
    records(&town).await;
}

#[tokio::test]
async fn catalogue_is_read_and_kept_as_described_on_sqlite() {
    catalogue(Store::Sqlite).await;
}

#[tokio::test]
async fn catalogue_is_read_and_kept_as_described_on_postgres() {
    catalogue(Store::Postgres).await;
}
