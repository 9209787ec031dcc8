//! A service of a test's own.

use opencity_kernel::clock;
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::id::{FormId, ServiceId};
use serde_json::{Value, json};

use crate::world::World;

/// The tenant offers one more service, on the form of an example; `more` says what is different.
pub async fn service(world: &World, slug: &str, form: &str, more: Value) -> ServiceId {
    let id = ServiceId::random();
    offer(world, id, slug, form, more).await;
    id
}

/// As [`service`], and what becomes of it later.
pub async fn offer(world: &World, id: ServiceId, slug: &str, form: &str, more: Value) {
    let path = format!(
        "{}/../../examples/forms/{form}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let form = new_form(world, schema).await;
    let tenant = world.tenancy.tenant_id();
    let mut body = json!({"id": id, "tenant": tenant, "slug": slug, "identifier": slug, "name": slug,
        "status": 1, "access_level": 0, "updated_at": clock::now(),
        "flow_steps": [{"parameters": {"formio_id": form}}]});
    let all = body.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    world
        .outside(Topic::Services, id.uuid(), Change::created(), body)
        .await;
}

/// One more form.
pub async fn new_form(world: &World, schema: Value) -> FormId {
    let (form, now) = (FormId::random(), clock::now());
    let body =
        json!({"id": form, "version": 1, "schema": schema, "created_at": now, "updated_at": now});
    world
        .outside(Topic::Forms, form.uuid(), Change::created(), body)
        .await;
    form
}

/// What is written to the citizen of an application: subjects, in order.
#[macro_export]
macro_rules! written {
    ($app:expr, $world:expr, $id:expr) => {{
        let path = format!("applications/{}/messages", $id);
        let listed = $crate::call!($app, $world, GET path, system);
        assert_eq!(listed.status, 200, "{}", listed.text);
        listed.json.as_array().unwrap().clone()
    }};
}

/// The actions that a caller may do now.
#[macro_export]
macro_rules! actions {
    ($app:expr, $world:expr, $id:expr, $user:ident) => {{
        let read = $crate::call!($app, $world, GET format!("applications/{}", $id), $user);
        assert_eq!(read.status, 200, "{}", read.text);
        let links = read.json["links"].as_array().unwrap();
        links
            .iter()
            .map(|link| link["action"].as_str().unwrap().to_owned())
            .collect::<Vec<String>>()
    }};
}
