//! The registry data of a body over HTTP: users and offices, the body itself, services with what they refer to, documents, payments.

use reqwest::Method;
use serde_json::{Value, json};

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
        assert_eq!(foreign.problem(403), "tenant-mismatch");
    }
    let anonymous = town
        .operator
        .json(Method::PATCH, &api(&at), &json!({"name": "Mio"}))
        .await;
    assert_eq!(anonymous.problem(403), "forbidden");
}

async fn vocabularies(town: &Town) {
    let make_one =
        |path: &'static str, name: &'static str| make(&town.admin, path, json!({"name": name}));
    let school = make_one("categories", "Scuola").await;
    let nursery = make(
        &town.admin,
        "categories",
        json!({"name": "Nidi", "parent_id": id(&school)}),
    )
    .await;
    let families = make_one("recipients", "Famiglie").await;
    let centre = make(
        &town.admin,
        "geographic-areas",
        json!({"name": "Centro", "geofence": "{\"type\":\"Point\",\"coordinates\":[10.4,43.7]}"}),
    )
    .await;
    assert_eq!(
        of(
            &get(
                &town.anyone,
                &format!("categories?parent_id={}", id(&school))
            )
            .await,
            "name"
        ),
        ["Nidi"]
    );
    let roots = get(&town.anyone, "categories?parent_id=null").await;
    assert!(of(&roots, "name").contains(&"Scuola") && !of(&roots, "name").contains(&"Nidi"));

    let place = json!({"name": "Municipio", "topic_id": id(&school), "geographic_area_ids": [id(&centre)], "latitude": 43.7});
    let place = make(&town.admin, "places", place).await;
    town.anyone.get(&api("places")).await.expect(401);
    assert_eq!(
        get(&town.citizen, &format!("places/{}", id(&place))).await["latitude"],
        "43.7"
    );
    let office = make(
        &town.admin,
        "user-groups",
        json!({"name": "Nidi", "topic_id": id(&nursery), "core_location_id": id(&place)}),
    )
    .await;

    let group = json!({"name": "Infanzia", "topics_id": id(&school), "recipients_id": [id(&families)], "geographic_areas_id": [id(&centre)]});
    let group = make(&town.admin, "services-groups", group).await;
    for (filter, of_it) in [
        ("topics_id", &school),
        ("recipient_id", &families),
        ("geographic_area_id", &centre),
    ] {
        let found = get(
            &town.anyone,
            &format!("services-groups?{filter}={}", id(of_it)),
        )
        .await;
        assert_eq!(of(&found, "name"), ["Infanzia"], "{filter}");
        let unknown = town
            .anyone
            .get(&api(&format!("services-groups?{filter}={NOBODY}")))
            .await;
        assert_eq!(unknown.problem(404), "not-found", "{filter}");
    }
    let service = json!({"name": "Iscrizione", "status": 1, "flow_steps": [], "topics_id": id(&nursery), "service_group_id": id(&group)});
    let service = make(&town.admin, "services", service).await;
    assert_eq!(
        get(&town.anyone, "services-groups/infanzia").await["services_count"],
        1
    );
    assert!(
        of(
            &get(&town.anyone, "categories?not_empty=true").await,
            "name"
        )
        .contains(&"Nidi")
    );
    assert!(
        !of(
            &get(&town.anyone, "categories?not_empty=true").await,
            "name"
        )
        .contains(&"Scuola")
    );

    let paths = [
        format!("services-groups/{}", id(&group)),
        format!("categories/{}", id(&nursery)),
        format!("categories/{}", id(&school)),
        format!("recipients/{}", id(&families)),
        format!("geographic-areas/{}", id(&centre)),
        format!("places/{}", id(&place)),
    ];
    for path in &paths {
        assert_eq!(
            delete(&town.operator, path).await.problem(403),
            "forbidden",
            "{path}"
        );
        assert_eq!(
            delete(&town.admin, path).await.problem(409),
            "still-in-use",
            "{path}"
        );
    }
    delete(&town.admin, &format!("services/{}", id(&service)))
        .await
        .expect(204);
    assert_eq!(
        delete(&town.admin, &paths[1]).await.problem(409),
        "still-in-use",
        "an office still has the category"
    );
    delete(&town.admin, &format!("user-groups/{}", id(&office)))
        .await
        .expect(204);
    for path in [
        &paths[0], &paths[5], &paths[1], &paths[2], &paths[3], &paths[4],
    ] {
        delete(&town.admin, path).await.expect(204);
    }
}

async fn services(town: &Town) {
    let make_one = async |name: &str, more: Value| {
        let mut body = json!({"name": name, "flow_steps": []});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        make(&town.admin, "services", body).await
    };
    let hidden = make_one("Zz nascosto", json!({"status": 0})).await;
    let private = make_one("Zz privato", json!({"status": 3})).await;
    let suspended = make_one("Zz sospeso", json!({"status": 2, "sticky": true})).await;
    let refused = town
        .citizen
        .get(&api(&format!("services/{}", id(&hidden))))
        .await;
    assert_eq!(refused.problem(403), "forbidden");
    for readable in [&private, &suspended] {
        get(&town.anyone, &format!("services/{}", id(readable))).await;
    }
    assert_eq!(
        of(&get(&town.anyone, "services?q=SOSPESO%20zz").await, "name"),
        ["Zz sospeso"]
    );
    assert_eq!(
        of(&get(&town.admin, "services?q=nascosto&status=0").await, "name"),
        ["Zz nascosto"]
    );
    assert_eq!(
        of(&get(&town.anyone, "services?sticky=true").await, "name"),
        ["Zz sospeso"]
    );
    let all = get(&town.anyone, "services?order_by=name&ascending=false").await;
    let last = get(
        &town.anyone,
        "services?order_by=name&ascending=false&offset=1&limit=1",
    )
    .await;
    assert_eq!(last[0]["id"], all[1]["id"]);

    // Status 4 is always listed; whether it can be asked for, the clock says.
    let step = json!({"identifier": "form", "title": "Modulo", "type": "formio", "parameters": {
        "formio_id": get(&town.anyone, &format!("services/{}", demo::REPORT)).await["flow_steps"][0]["parameters"]["formio_id"]}});
    let scheduled = make_one("Zz programmato", json!({"status": 4, "flow_steps": [step], "scheduled_from": "2099-01-01T00:00:00+01:00", "user_group_ids": [OFFICE]})).await;
    let at = format!("services/{}", id(&scheduled));
    assert_eq!(
        of(&get(&town.anyone, "services?status=4").await, "name"),
        ["Zz programmato"]
    );
    let send = json!({"service": id(&scheduled), "data": example("segnalazione-disservizio")});
    let early = town.citizen.post(&api("applications"), &send).await;
    assert_eq!(early.status, 422, "{}", early.json());
    patch(
        &town.admin,
        &at,
        json!({"scheduled_from": "2020-01-01T00:00:00+01:00"}),
    )
    .await;
    until("the service is open", || async {
        let answer = town.citizen.post(&api("applications"), &send).await;
        (answer.status == 201).then_some(())
    })
    .await;

    for (wrong, code) in [
        (json!({"protocol_handler": "boh"}), "validation"),
        (json!({"topics_id": NOBODY}), "unknown-reference"),
        (
            json!({"flow_steps": [{"identifier": "f", "title": "F", "type": "formio", "parameters": {"formio_id": NOBODY}}]}),
            "unknown-reference",
        ),
    ] {
        let answer = town.admin.json(Method::PATCH, &api(&at), &wrong).await;
        assert_eq!(answer.problem(422), code, "{wrong}");
    }
    patch(&town.admin, &at, json!({"identifier": "programmato"})).await;
    let taken = json!({"identifier": "programmato"});
    let taken = town
        .admin
        .json(
            Method::PATCH,
            &api(&format!("services/{}", id(&private))),
            &taken,
        )
        .await;
    assert_eq!(taken.problem(409), "already-exists");
    assert_eq!(
        get(&town.anyone, "services/programmato").await["payment_parameters"],
        json!({})
    );
    attachments(town, &at).await;
    for service in [&hidden, &private, &suspended, &scheduled] {
        delete(&town.admin, &format!("services/{}", id(service)))
            .await
            .expect(204);
    }
}

/// Files on costs and conditions of a service, and of a group.
async fn attachments(town: &Town, service: &str) {
    let group = make(&town.admin, "services-groups", json!({"name": "Tariffe"})).await;
    for at in [service, &format!("services-groups/{}", id(&group))] {
        let file = json!({"name": "tariffe è.pdf", "file": "JVBERi0="});
        patch(
            &town.admin,
            at,
            json!({"costs_attachments": [file], "conditions_attachments": [file]}),
        )
        .await;
        let shown = get(&town.anyone, at).await;
        let cost = &shown["costs_attachments"][0];
        assert_eq!(
            (&cost["original_name"], &cost["file"]),
            (&json!("tariffe è.pdf"), &Value::Null)
        );
        let url = cost["url"].as_str().unwrap();
        assert!(url.contains("/attachments/costs/"), "{url}");
        let bytes = town.anyone.get(url).await;
        assert_eq!(
            (bytes.status.as_u16(), bytes.bytes.as_slice()),
            (200, &b"%PDF-"[..])
        );
        assert_eq!(bytes.headers["content-type"], "application/pdf");
        assert!(
            bytes.headers["content-disposition"]
                .to_str()
                .unwrap()
                .starts_with("attachment")
        );
        assert_eq!(
            town.anyone
                .get(&url.replace("/costs/", "/other/"))
                .await
                .problem(404),
            "not-found"
        );

        let mut echo = get(&town.admin, at).await;
        put(&town.admin, at, echo.clone()).await;
        town.anyone.get(url).await.expect(200);
        echo["costs_attachments"] = json!([]);
        put(&town.admin, at, echo).await;
        assert_eq!(town.anyone.get(url).await.problem(404), "not-found");
        let condition = get(&town.anyone, at).await["conditions_attachments"][0]["url"].clone();
        assert_eq!(
            town.anyone.get(condition.as_str().unwrap()).await.status,
            200
        );
        let refused = json!({"costs_attachments": [{"name": "a.exe", "file": "AAAA"}]});
        let refused = town.admin.json(Method::PATCH, &api(at), &refused).await;
        assert_eq!(
            refused.json()["errors"][0]["field"],
            "costs_attachments.0.name"
        );
    }
    delete(&town.admin, &format!("services-groups/{}", id(&group)))
        .await
        .expect(204);
    let kept = stored_files(&town.platform);
    assert_eq!(
        kept, 1,
        "what nobody names any more is removed: only the service's condition is left"
    );
}

fn stored_files(platform: &Platform) -> usize {
    fn below(folder: &std::path::Path) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return 0;
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .map(|path| if path.is_dir() { below(&path) } else { 1 })
            .sum()
    }
    below(&platform.data_dir().join("files/services"))
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
