//! Folders of citizens, and the documents that people put there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod world;

use std::sync::Arc;

use actix_web::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencity_contracts::DocumentType;
use opencity_contracts::user::{User, UserEventReason, UserRole};
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::module::Module as _;
use serde_json::{Value, json};
use uuid::Uuid;
use world::{FORM, SERVICE, World, application, on_both};

const MARIO: Uuid = Uuid::from_u128(0xc1);
const GIULIA: Uuid = Uuid::from_u128(0xc2);
const PDF: &[u8] = b"%PDF-1.4 una planimetria";

/// Somebody at the module's API.
struct Person<'w>(&'w World, String);

impl Person<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Vec<u8>) {
        let Self(world, token) = self;
        let app = actix_web::test::init_service(
            actix_web::App::new()
                .app_data(actix_web::web::Data::from(Arc::clone(&world.platform)))
                .configure(|config| world.module.routes(config)),
        )
        .await;
        let mut request = actix_web::test::TestRequest::default()
            .method(method)
            .uri(&format!("/lang/api/{path}"))
            .insert_header(("Host", "localhost"))
            .insert_header(("Authorization", format!("Bearer {token}")));
        if let Some(body) = body {
            request = request.set_json(body);
        }
        let answer = actix_web::test::call_service(&app, request.to_request()).await;
        let status = answer.status().as_u16();
        (status, actix_web::test::read_body(answer).await.to_vec())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.ask(Method::GET, path, None).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let (status, body) = self.ask(method, path, Some(&body)).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[track_caller]
    fn made((status, body): (u16, Value)) -> Value {
        assert_eq!(status, 201, "{body}");
        body
    }

    async fn titles(&self, path: &str) -> Vec<String> {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{body}");
        body.as_array()
            .unwrap()
            .iter()
            .map(|one| one["title"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Mario and Giulia, an operator of the service, one of nothing, an administrator.
struct People<'w> {
    mario: Person<'w>,
    giulia: Person<'w>,
    operator: Person<'w>,
    other: Person<'w>,
    administrator: Person<'w>,
}

impl<'w> People<'w> {
    async fn of(world: &'w World) -> Self {
        for (id, code) in [(MARIO, "RSSMRA80A01H501U"), (GIULIA, "VRDGLI92M54F205A")] {
            let user = User {
                id,
                role: UserRole::User,
                event_reason: UserEventReason::Created,
                tax_code: Some(code.to_owned()),
                ..User::default()
            };
            world
                .emit(Topic::Users, id, id, 1, Change::created(), &user)
                .await;
        }
        let staff = [
            (
                0x01,
                json!({"role": "operator", "enabled_services_ids": [SERVICE]}),
                "ROLE_OPERATORE",
            ),
            (0x02, json!({"role": "operator"}), "ROLE_OPERATORE"),
            (0x03, json!({"role": "admin"}), "ROLE_ADMIN"),
        ];
        let mut tokens = Vec::new();
        for (id, rights, role) in staff {
            let id = Uuid::from_u128(id);
            world
                .emit(Topic::Users, id, id, 1, Change::created(), &rights)
                .await;
            tokens.push(Person(world, world.token(id, role)));
        }
        world.caught_up().await;
        let mut tokens = tokens.into_iter();
        Self {
            mario: Person(world, world.token(MARIO, "ROLE_CPS_USER")),
            giulia: Person(world, world.token(GIULIA, "ROLE_CPS_USER")),
            operator: tokens.next().unwrap(),
            other: tokens.next().unwrap(),
            administrator: tokens.next().unwrap(),
        }
    }
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn a_citizen_keeps_documents_in_folders_of_his_own(world: World) {
    let People {
        mario,
        giulia,
        other,
        ..
    } = People::of(&world).await;
    let body = json!({"title": " Casa ", "description": "Via Roma"});
    let folder = Person::made(mario.send(Method::POST, "folders", body).await);
    assert_eq!(folder["title"], "Casa");
    assert_eq!(folder["owner"], MARIO.to_string());
    let at = format!("folders/{}", id(&folder));

    let body = json!({"folder": folder["id"], "title": "Planimetria", "original_filename": "planimetria.pdf",
        "file": STANDARD.encode(PDF), "topics": ["casa"]});
    let kept = Person::made(mario.send(Method::POST, "documents", body).await);
    assert_eq!(kept["recipient_type"], "tenant");
    assert_eq!(kept["mime_type"], "application/pdf");
    assert_eq!(kept["size"], PDF.len());
    assert_eq!(kept["store"], true);
    assert_eq!(kept["version"], 1);
    assert_eq!(kept["type"], Value::Null);
    let document = format!("documents/{}", id(&kept));
    let (status, bytes) = mario
        .ask(Method::GET, &format!("{document}/download"), None)
        .await;
    assert_eq!((status, bytes.as_slice()), (200, PDF));

    // What was read is sent back; the bytes stay.
    let (_, mut read) = mario.get(&document).await;
    assert_eq!(read["downloads_counter"], 1);
    read["title"] = json!("Planimetria catastale");
    assert_eq!(mario.send(Method::PUT, &document, read).await.0, 200);
    let patch = json!({"description": "Piano terra", "topics": null, "due_date": "2027-01-01T00:00:00+01:00"});
    assert_eq!(mario.send(Method::PATCH, &document, patch).await.0, 200);
    let (_, read) = mario.get(&document).await;
    assert_eq!(read["title"], "Planimetria catastale");
    assert_eq!(read["topics"], json!([]));
    assert_eq!(read["due_date"], "2027-01-01T00:00:00+01:00");
    assert_eq!((&read["version"], &read["md5"]), (&json!(3), &kept["md5"]));

    // Nobody else sees any of it.
    for stranger in [&giulia, &other] {
        for path in [&at, &document, &format!("{document}/download")] {
            assert_eq!(stranger.get(path).await.0, 403, "{path}");
        }
        assert_eq!(stranger.ask(Method::DELETE, &document, None).await.0, 403);
        assert_eq!(stranger.send(Method::PATCH, &at, json!({})).await.0, 403);
        let body =
            json!({"folder": folder["id"], "title": "x", "address": "https://example.org/x"});
        assert_eq!(stranger.send(Method::POST, "documents", body).await.0, 403);
        assert_eq!(stranger.titles("folders").await.len(), 0);
        assert_eq!(stranger.titles("documents").await.len(), 0);
    }
    assert_eq!(mario.titles("folders").await, ["Casa"]);
    assert_eq!(mario.titles("documents").await, ["Planimetria catastale"]);

    assert_eq!(mario.ask(Method::DELETE, &at, None).await.0, 409);
    assert_eq!(mario.ask(Method::DELETE, &document, None).await.0, 204);
    assert_eq!(mario.get(&document).await.0, 404);
    assert_eq!(mario.ask(Method::DELETE, &at, None).await.0, 204);
    assert_eq!(mario.get(&at).await.0, 404);
    world.stop().await;
}
on_both!(own, a_citizen_keeps_documents_in_folders_of_his_own);

async fn the_body_gives_a_citizen_documents(world: World) {
    let People {
        mario,
        giulia,
        operator,
        other,
        administrator,
    } = People::of(&world).await;
    let body = json!({"title": "Concessione", "owner": MARIO, "correlated_services": [SERVICE]});
    assert_eq!(
        other.send(Method::POST, "folders", body.clone()).await.0,
        403
    );
    let folder = Person::made(operator.send(Method::POST, "folders", body).await);
    let body = json!({"folder": folder["id"], "title": "Atto", "original_filename": "atto.pdf",
        "file": STANDARD.encode(PDF), "readers_allowed": ["vrdgli92m54f205a"]});
    let given = Person::made(operator.send(Method::POST, "documents", body).await);
    assert_eq!(given["recipient_type"], "user");
    assert_eq!(given["owner"], MARIO.to_string());
    let document = format!("documents/{}", id(&given));

    // He reads it, and so does who is named; neither changes it.
    for reader in [&mario, &giulia] {
        assert_eq!(reader.titles("documents").await, ["Atto"]);
        assert_eq!(
            reader
                .ask(Method::GET, &format!("{document}/download"), None)
                .await
                .1,
            PDF
        );
        assert_eq!(
            reader
                .send(Method::PATCH, &document, json!({"title": "x"}))
                .await
                .0,
            403
        );
        assert_eq!(reader.ask(Method::DELETE, &document, None).await.0, 403);
    }
    assert_eq!(other.titles("documents").await.len(), 0);
    // In the same folder he gives the body something, which lies elsewhere.
    let body = json!({"folder": folder["id"], "title": "Ricevuta", "address": "https://example.org/r.pdf"});
    let receipt = Person::made(mario.send(Method::POST, "documents", body.clone()).await);
    assert_eq!(receipt["download_link"], "https://example.org/r.pdf");
    assert_eq!(receipt["store"], false);
    let path = format!("documents/{}", id(&receipt));
    assert_eq!(operator.get(&format!("{path}/download")).await.0, 404);
    let mut for_him = body;
    for_him["recipient_type"] = json!("user");
    assert_eq!(mario.send(Method::POST, "documents", for_him).await.0, 422);
    // The file takes the place of the address.
    let patch = json!({"original_filename": "r.pdf", "file": STANDARD.encode(PDF)});
    assert_eq!(mario.send(Method::PATCH, &path, patch).await.0, 200);
    let (_, read) = mario.get(&path).await;
    assert_eq!(
        (&read["address"], &read["store"]),
        (&Value::Null, &json!(true))
    );

    for (query, found) in [
        ("cf=rssmra80a01h501u", vec!["Atto", "Ricevuta"]),
        ("cf=VRDGLI92M54F205A", vec![]),
        ("title=Atto", vec!["Atto"]),
        ("folder-title=Concessione", vec!["Atto", "Ricevuta"]),
        ("folder-title=Altro", vec![]),
        ("sort=DESC", vec!["Ricevuta", "Atto"]),
        ("offset=1", vec!["Ricevuta"]),
    ] {
        assert_eq!(
            administrator.titles(&format!("documents?{query}")).await,
            found,
            "{query}"
        );
    }
    assert_eq!(
        administrator
            .titles("folders?cf=RSSMRA80A01H501U&title=Concessione")
            .await
            .len(),
        1
    );
    assert_eq!(
        administrator
            .titles("folders?cf=VRDGLI92M54F205A")
            .await
            .len(),
        0
    );
    world.stop().await;
}
on_both!(given, the_body_gives_a_citizen_documents);

async fn acts_and_deposits_are_one_list_and_acts_do_not_change(world: World) {
    world
        .form(FORM, &json!({"display": "form", "components": []}))
        .await;
    for act in 1..=2 {
        let mut sent = application(DocumentType::ApplicationRequest, Uuid::now_v7());
        sent.id = Uuid::from_u128(0xa0 + act);
        world.act(&sent, 1).await;
    }
    world.told(2).await;
    let People {
        mario,
        administrator,
        ..
    } = People::of(&world).await;
    let folder = Person::made(
        mario
            .send(Method::POST, "folders", json!({"title": "Casa"}))
            .await,
    );
    for title in ["A", "B", "C"] {
        let body =
            json!({"folder": folder["id"], "title": title, "address": "https://example.org/x"});
        Person::made(mario.send(Method::POST, "documents", body).await);
    }
    let all = administrator.titles("documents").await;
    assert_eq!(all.len(), 5);
    assert_eq!(all[2..], ["A", "B", "C"]);
    // Each page is a part of the whole, in both directions.
    for sort in ["ASC", "DESC"] {
        let all = administrator
            .titles(&format!("documents?sort={sort}"))
            .await;
        for offset in 0..6 {
            let path = format!("documents?sort={sort}&limit=2&offset={offset}");
            let wanted: Vec<&String> = all.iter().skip(offset).take(2).collect();
            let found = administrator.titles(&path).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{path}");
        }
    }
    let (_, folders) = administrator.get("folders").await;
    assert_eq!(folders.as_array().unwrap().len(), 2);
    let of_acts = format!("folders/{}", id(&folders[0]));
    assert_eq!(mario.get(&of_acts).await.0, 200);
    let (_, documents) = administrator.get("documents?limit=1").await;
    let act = format!("documents/{}", id(&documents[0]));
    for path in [&of_acts, &act] {
        for method in [Method::PUT, Method::PATCH] {
            let answer = administrator
                .send(method, path, json!({"title": "x"}))
                .await;
            assert_eq!(answer.0, 403, "{path}");
        }
        assert_eq!(administrator.ask(Method::DELETE, path, None).await.0, 403);
    }
    let body =
        json!({"folder": folders[0]["id"], "title": "x", "address": "https://example.org/x"});
    let (status, refused) = administrator.send(Method::POST, "documents", body).await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("unknown-reference"))
    );
    world.stop().await;
}
on_both!(
    one_list,
    acts_and_deposits_are_one_list_and_acts_do_not_change
);

async fn what_is_wrong_is_named_and_leaves_nothing(world: World) {
    let People {
        mario,
        administrator,
        ..
    } = People::of(&world).await;
    let nobody = Uuid::from_u128(0xdead);
    for (body, field) in [
        (json!({}), "title"),
        (json!({"title": "x".repeat(301)}), "title"),
        (
            json!({"title": "x", "owner": MARIO, "correlated_services": [nobody]}),
            "correlated_services",
        ),
        (json!({"title": "x"}), "owner"),
        (json!({"title": "x", "owner": nobody}), "owner"),
    ] {
        let (status, refused) = administrator.send(Method::POST, "folders", body).await;
        assert_eq!(
            (status, &refused["errors"][0]["field"]),
            (422, &json!(field)),
            "{refused}"
        );
    }
    let body = json!({"title": "x", "owner": GIULIA});
    assert_eq!(mario.send(Method::POST, "folders", body).await.0, 403);
    let folder = Person::made(
        mario
            .send(Method::POST, "folders", json!({"title": "Casa"}))
            .await,
    );
    let at = format!("folders/{}", id(&folder));
    let (status, refused) = mario
        .send(Method::PATCH, &at, json!({"owner": GIULIA}))
        .await;
    assert_eq!(
        (status, &refused["errors"][0]["field"]),
        (422, &json!("owner"))
    );

    let file = STANDARD.encode(PDF);
    for (more, field) in [
        (json!({}), "file"),
        (json!({"file": file}), "original_filename"),
        (json!({"file": "???", "original_filename": "a.pdf"}), "file"),
        (
            json!({"file": file, "original_filename": "a.exe"}),
            "original_filename",
        ),
        (json!({"file": file, "original_filename": "a.png"}), "file"),
        (
            json!({"file": file, "original_filename": "a.pdf", "mime_type": "image/png"}),
            "mime_type",
        ),
        (
            json!({"file": file, "original_filename": "a.pdf", "md5": "0"}),
            "md5",
        ),
        (
            json!({"folder": nobody, "address": "https://example.org"}),
            "folder",
        ),
    ] {
        let mut body = json!({"folder": folder["id"], "title": "Atto"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (status, refused) = mario.send(Method::POST, "documents", body).await;
        assert_eq!(
            (status, &refused["errors"][0]["field"]),
            (422, &json!(field)),
            "{refused}"
        );
    }
    assert_eq!(mario.titles("documents").await.len(), 0);
    world.stop().await;
}
on_both!(wrong, what_is_wrong_is_named_and_leaves_nothing);
