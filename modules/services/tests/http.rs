//! The API as clients see it: the module's routes on a real database, with tokens of each role.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::{App, test, web};
use opencity_kernel::Problem;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::Tenancy;
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{TenantId, UserId};
use opencity_kernel::json::merged;
use opencity_kernel::module::Module;
use opencity_services::{INFO, MIGRATIONS, Services};
use opencity_testing::{Issuer, Running, Store, platform};
use serde_json::{Value, json};

/// A platform with the module, a tenant `bugliano` and an administrator.
struct Town {
    platform: Arc<Platform>,
    module: Arc<Services>,
    tenant: TenantId,
    administrator: UserId,
    issuer: Issuer,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Town {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = platform(INFO, MIGRATIONS, Store::Sqlite, folder.path(), "").await;
        let module =
            Arc::new(Services::new(ModuleContext::new(Arc::clone(&platform), INFO)).unwrap());
        let (tenant, administrator) = (TenantId::new(), UserId::new());
        let mut running = Running::relay(&platform).await;
        let directory = Arc::new(DirectoryConsumer);
        running.start(&platform.database, directory).await;
        platform
            .database
            .write::<_, Problem>(Tenancy::from_row(tenant), move |scope| {
                let body = json!({"slug": "bugliano", "name": "Bugliano", "hosts": ["localhost"]});
                scope.emit(NewEvent::new(
                    Topic::Tenants,
                    tenant,
                    tenant,
                    1,
                    Change::created(),
                    body,
                ))?;
                let body = json!({"role": "admin", "enabled": true, "roles": ["ROLE_ADMIN"]});
                scope.emit(NewEvent::new(
                    Topic::Users,
                    administrator,
                    administrator,
                    1,
                    Change::created(),
                    body,
                ))?;
                Ok(())
            })
            .await
            .unwrap();
        assert!(platform.caught_up("kernel").await.unwrap());
        let issuer = Issuer::of(&platform.verifier);
        Self {
            platform,
            module,
            tenant,
            administrator,
            issuer,
            _running: running,
            _folder: folder,
        }
    }

    fn token(&self, id: UserId, role: &str) -> String {
        self.issuer.token(self.tenant, id.uuid(), role)
    }

    fn citizen(&self) -> String {
        self.token(UserId::new(), "ROLE_CPS_USER")
    }

    /// Status and body of a request.
    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let (platform, module) = (
            web::Data::from(Arc::clone(&self.platform)),
            Arc::clone(&self.module),
        );
        let app = test::init_service(
            App::new()
                .app_data(platform)
                .configure(move |c| module.routes(c)),
        )
        .await;
        let mut request = test::TestRequest::default()
            .method(method)
            .uri(&format!("/bugliano/api/{path}"));
        if let Some(token) = token {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        if let Some(body) = body {
            request = request.set_json(body);
        }
        let response = test::call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body()).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None, None).await
    }

    /// What an administrator does.
    async fn administer(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let token = self.token(self.administrator, "ROLE_ADMIN");
        self.call(method, path, Some(&token), Some(body)).await
    }
}

fn service(more: Value) -> Value {
    let body = json!({"name": "Asilo nido", "status": 1, "flow_steps": []});
    let Value::Object(more) = more else {
        panic!("not an object: {more}")
    };
    Value::Object(merged(&body, more).unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn what_an_administrator_publishes_the_public_reads_without_how_it_is_paid() {
    let town = Town::new().await;
    let paid = json!({
        "identifier": "nido", "post_submit_validation_expression": "x",
        "payment_parameters": {"gateways": [{"identifier": "sandbox", "parameters": {}}]},
    });
    let (status, made) = town
        .administer(Method::POST, "services", service(paid))
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        made["payment_parameters"]["gateways"][0]["identifier"],
        "sandbox"
    );
    assert_eq!(
        made["id"].as_str().unwrap().as_bytes()[14],
        b'4',
        "service ids are of version 4"
    );

    let (status, list) = town.get("services").await;
    assert_eq!((status, names(&list)), (200, vec!["Asilo nido"]));
    for reference in [made["id"].as_str().unwrap(), "nido", "asilo-nido"] {
        let (status, read) = town.get(&format!("services/{reference}?_=1")).await;
        assert_eq!(
            (status, &read["payment_parameters"], &read["tenant"]),
            (200, &json!({}), &json!(town.tenant))
        );
        assert_eq!(read.get("post_submit_validation_expression"), None);
        assert_eq!(
            read.get("description"),
            Some(&Value::Null),
            "keys are present with null"
        );
    }
}

#[actix_web::test]
async fn only_administrators_write() {
    let town = Town::new().await;
    let citizen = town.citizen();
    for (method, path) in [
        (Method::POST, "services"),
        (Method::PUT, "services/nido"),
        (Method::PATCH, "services/nido"),
        (Method::DELETE, "services/nido"),
        (Method::POST, "form"),
        (Method::POST, "categories"),
        (Method::POST, "services-groups"),
        (Method::POST, "places"),
        (Method::GET, "forms"),
    ] {
        let (status, _) = town
            .call(method.clone(), path, None, Some(service(json!({}))))
            .await;
        assert_eq!(status, 401, "{method} {path}");
        let (status, _) = town
            .call(
                method.clone(),
                path,
                Some(&citizen),
                Some(service(json!({}))),
            )
            .await;
        assert_eq!(status, 403, "{method} {path}");
    }
    assert_eq!(town.get("services").await.1, json!([]));
}

#[actix_web::test]
async fn a_hidden_service_is_refused_to_the_public_and_a_private_one_is_only_not_listed() {
    let town = Town::new().await;
    for (slug, status) in [("hidden", 0), ("private", 3)] {
        let (made, _) = town
            .administer(
                Method::POST,
                "services",
                service(json!({"slug": slug, "status": status})),
            )
            .await;
        assert_eq!(made, 201);
    }
    assert_eq!(town.get("services/hidden").await.0, 403);
    assert_eq!(town.get("services/hidden/form").await.0, 403);
    assert_eq!(town.get("services/private").await.0, 200);
    assert_eq!(town.get("services/unheard-of").await.0, 404);
    assert_eq!(town.get("services").await.1, json!([]));
    assert_eq!(
        town.administer(Method::GET, "services/hidden", json!({}))
            .await
            .0,
        200
    );
}

#[actix_web::test]
async fn a_service_is_replaced_by_what_was_read_and_patched_field_by_field() {
    let town = Town::new().await;
    let body = service(json!({"identifier": "nido", "sticky": true}));
    let (_, made) = town
        .administer(Method::POST, "services", body.clone())
        .await;
    let (_, again) = town.administer(Method::POST, "services", body).await;
    assert_eq!(again["code"], "already-exists");

    let (status, answer) = town
        .administer(Method::PUT, "services/nido", made.clone())
        .await;
    assert_eq!(
        (status, answer),
        (200, json!(["Object Modified Successfully"]))
    );
    let patch = json!({"status": 2, "max_response_time": 30, "feedback_messages": {"status_pending": {"is_active": true}}});
    let (status, answer) = town.administer(Method::PATCH, "services/nido", patch).await;
    assert_eq!(
        (status, answer),
        (200, json!(["Object Patched Successfully"]))
    );
    let (_, read) = town
        .administer(Method::GET, "services/nido", json!({}))
        .await;
    assert_eq!(
        (&read["sticky"], &read["status"], &read["max_response_time"]),
        (&json!(true), &json!(2), &json!(30))
    );
    let message = json!({"message": null, "subject": null, "is_active": true});
    assert_eq!(read["feedback_messages"]["status_pending"], message);

    let (status, refused) = town
        .administer(
            Method::PATCH,
            "services/nido",
            json!({"protocol_handler": "boh"}),
        )
        .await;
    assert_eq!(
        (status, &refused["errors"][0]["field"]),
        (422, &json!("protocol_handler"))
    );
    assert_eq!(
        town.administer(Method::DELETE, "services/nido", json!({}))
            .await
            .0,
        204
    );
    assert_eq!(town.get("services/nido").await.0, 404);
}

#[actix_web::test]
async fn a_form_is_made_nested_read_and_served_with_its_service() {
    let town = Town::new().await;
    let field = json!({"type": "textfield", "key": "name", "label": "Nome"});
    let inner = json!({"title": "Anagrafica", "path": "anagrafica", "components": [field]});
    let (status, inner) = town.administer(Method::POST, "form", inner).await;
    assert_eq!(status, 201, "{inner}");
    let nest = json!({"type": "form", "key": "applicant", "form": inner["_id"]});
    let (_, outer) = town
        .administer(
            Method::POST,
            "form",
            json!({"title": "Modulo", "components": [nest]}),
        )
        .await;
    let step = json!({"identifier": "form", "title": "Modulo", "type": "formio", "parameters": {"formio_id": outer["_id"]}});
    let (status, made) = town
        .administer(
            Method::POST,
            "services",
            service(json!({"flow_steps": [step]})),
        )
        .await;
    assert_eq!(status, 201, "{made}");

    let (status, shown) = town.get("services/asilo-nido/form").await;
    assert_eq!(
        (status, &shown["components"][0]["components"][0]["key"]),
        (200, &json!("name"))
    );
    let form = format!("form/{}", outer["_id"].as_str().unwrap());
    assert_eq!(town.get(&form).await.1["components"], outer["components"]);
    assert_eq!(
        town.get(&format!("{form}?full=true")).await.1["components"],
        shown["components"]
    );
    assert_eq!(
        town.get("form/by-path/anagrafica").await.1["_id"],
        inner["_id"]
    );

    assert_eq!(
        town.administer(Method::PUT, &form, outer.clone()).await.0,
        200
    );
    assert_eq!(
        town.get(&form).await.1["version"],
        1,
        "an echo makes no version"
    );
    let mut other = outer.clone();
    other["title"] = json!("Modulo nuovo");
    assert_eq!(town.administer(Method::PUT, &form, other).await.0, 200);
    assert_eq!(town.get(&form).await.1["version"], 2);
    let first = format!("forms/{}/versions/1", outer["_id"].as_str().unwrap());
    assert_eq!(town.get(&first).await.1["title"], "Modulo");
    assert_eq!(
        town.administer(Method::DELETE, &form, json!({})).await.1["code"],
        "still-in-use"
    );

    let (_, page) = town
        .administer(Method::GET, "forms?limit=1", json!({}))
        .await;
    assert_eq!(
        (
            &page["meta"]["count"],
            page["data"].as_array().unwrap().len()
        ),
        (&json!(2), 1)
    );
    assert!(page["links"]["next"].is_string());
}

#[actix_web::test]
async fn vocabularies_are_kept_and_narrow_the_list() {
    let town = Town::new().await;
    let mut ids = Vec::new();
    for (path, name) in [
        ("categories", "Scuola"),
        ("recipients", "Famiglie"),
        ("geographic-areas", "Centro"),
    ] {
        let (status, made) = town
            .administer(Method::POST, path, json!({"name": name}))
            .await;
        assert_eq!(status, 201, "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(names(&town.get(path).await.1), [name]);
        assert_eq!(
            town.administer(
                Method::PATCH,
                &format!("{path}/{id}"),
                json!({"description": "x"})
            )
            .await
            .0,
            200
        );
        assert_eq!(
            town.get(&format!("{path}/{id}")).await.1["description"],
            "x"
        );
        ids.push(id);
    }
    let refers =
        json!({"topics": "scuola", "recipients_id": [ids[1]], "geographic_areas_id": [ids[2]]});
    let (status, made) = town
        .administer(Method::POST, "services", service(refers))
        .await;
    assert_eq!(
        (status, &made["topics_id"], &made["recipients"]),
        (201, &json!(ids[0]), &json!(["Famiglie"]))
    );
    town.administer(Method::POST, "services", service(json!({"name": "Altro"})))
        .await;

    for (filter, id) in ["topics_id", "recipient_id", "geographic_area_id"]
        .iter()
        .zip(&ids)
    {
        assert_eq!(
            names(&town.get(&format!("services?{filter}={id}")).await.1),
            ["Asilo nido"],
            "{filter}"
        );
    }
    assert_eq!(town.get("services?topics_id=scuola").await.0, 400);
    let (_, facets) = town.get("services/facets").await;
    assert_eq!(
        (
            &facets["topics_id"][0]["id"],
            &facets["recipient_id"][0]["count"]
        ),
        (&json!(ids[0]), &json!(1))
    );
    assert_eq!(
        town.administer(Method::DELETE, &format!("categories/{}", ids[0]), json!({}))
            .await
            .0,
        409
    );
}

#[actix_web::test]
async fn groups_count_their_services_and_places_need_a_token() {
    let town = Town::new().await;
    let (status, group) = town
        .administer(Method::POST, "services-groups", json!({"name": "Famiglia"}))
        .await;
    assert_eq!(status, 201, "{group}");
    town.administer(
        Method::POST,
        "services",
        service(json!({"service_group_id": group["id"]})),
    )
    .await;
    assert_eq!(
        town.get("services-groups/famiglia").await.1["services_count"],
        1
    );
    assert_eq!(
        town.get("services-groups?topics_id=01943ffe-0680-7438-ae6b-00000000ffff")
            .await
            .0,
        404
    );

    let (status, place) = town
        .administer(
            Method::POST,
            "places",
            json!({"name": "Municipio", "latitude": 43.7}),
        )
        .await;
    assert_eq!((status, &place["latitude"]), (201, &json!("43.7")));
    assert_eq!(town.get("places").await.0, 401);
    let (status, places) = town
        .call(Method::GET, "places", Some(&town.citizen()), None)
        .await;
    assert_eq!((status, names(&places)), (200, vec!["Municipio"]));
}

#[actix_web::test]
async fn a_group_has_the_form_that_its_services_share() {
    let town = Town::new().await;
    let mut forms = Vec::new();
    for title in ["Iscrizione", "Disdetta"] {
        let form = json!({"title": title, "components": []});
        forms.push(town.administer(Method::POST, "form", form).await.1);
    }
    let group = json!({"name": "Famiglia"});
    let (_, group) = town
        .administer(Method::POST, "services-groups", group)
        .await;
    let form = "services-groups/famiglia/form";
    assert_eq!(town.get(form).await.1["code"], "not-found");
    let offered = async |form: &Value, status: u8| {
        let step = json!({"identifier": "form", "title": "Modulo", "type": "formio", "parameters": {"formio_id": form["_id"]}});
        let body = service(
            json!({"service_group_id": group["id"], "status": status, "flow_steps": [step]}),
        );
        let (status, made) = town.administer(Method::POST, "services", body).await;
        assert_eq!(status, 201, "{made}");
    };
    offered(&forms[0], 1).await;
    offered(&forms[0], 3).await;
    offered(&forms[1], 0).await;
    let (status, shared) = town.get(form).await;
    assert_eq!((status, &shared["_id"]), (200, &forms[0]["_id"]));
    offered(&forms[1], 1).await;
    let (status, problem) = town.get(form).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not-found")));
    let (status, _) = town.get("services-groups/nobody/form").await;
    assert_eq!(status, 404);
}

#[actix_web::test]
async fn every_operation_of_the_api_description_is_served_and_its_answer_described() {
    let town = Town::new().await;
    let document = serde_json::to_value(town.module.openapi()).unwrap();
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(
                operation["summary"].is_string() && operation["tags"].is_array(),
                "{id}"
            );
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path
                .trim_start_matches("/lang/api/")
                .replace("{id}", "01943ffe-0680-7438-ae6b-00000000ffff");
            let path = path.replace("{number}", "1").replace("{path}", "nowhere");
            let path = path
                .replace("{list}", "costs")
                .replace("{filename}", "a.pdf");
            let (status, body) = town.call(method.clone(), &path, None, None).await;
            assert_ne!(status, 405, "{id}");
            assert!(
                operation["responses"].get(status.to_string()).is_some(),
                "{id}: {method} {path}: {status} {body}"
            );
            seen += 1;
        }
    }
    let (services, forms, groups, vocabularies, places) = (9, 8, 8, 18, 6);
    assert_eq!(seen, services + forms + groups + vocabularies + places);
}
