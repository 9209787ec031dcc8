//! Services, what they refer to, and their files.

use reqwest::Method;
use serde_json::{Value, json};

use super::{NOBODY, OFFICE, Town, api, delete, get, id, make, of, patch, put};
use crate::common::{Platform, demo, example, until};

pub(super) async fn vocabularies(town: &Town) {
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

pub(super) async fn services(town: &Town) {
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
        of(
            &get(&town.admin, "services?q=nascosto&status=0").await,
            "name"
        ),
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

    patch(&town.admin, &at, json!({"access_level": 3000})).await;
    until("the service asks for more than a password", || async {
        let answer = town.citizen.post(&api("applications"), &send).await;
        (answer.status == 403).then_some(())
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
