//! A client that is strict about types works: a test for each sentence on answers and requests of applications.
//!
//! Where the sentences are tested that are not here:
//! - links and offsets of collections, no page but an empty one for an operator for whom nothing exists, 403 for a service
//!   that he may not see: `list.rs`;
//! - the shape of problems, faults of syntax, size, depth, array length and media type, 401 with `message`, other tenants:
//!   the program's `tests/blackbox/bad_input.rs`, and `modules/kernel/src/http/body.rs`; 422 `illegal-transition` with the
//!   state and what is allowed: `lifecycle/mod.rs`;
//! - `Idempotency-Key`: `create.rs`; across a crash: `tests/blackbox/faults.rs`;
//! - who may tell the outcome of a payment: every role of `states.csv`, asked by `lifecycle/mod.rs`.

pub const REPORT: &str = "segnalazione-disservizio";
pub const GROUND: &str = "occupazione-suolo-pubblico";

/// Makes an application of the citizen; what is answered.
macro_rules! made {
    ($app:expr, $world:expr, $service:expr) => {{
        let body = json!({"service": $service, "data": sample($service)});
        let made = call!($app, $world, POST "applications", citizen, body);
        assert_eq!(made.status, 201, "{}", made.text);
        made.json
    }};
}

/// One that is registered and in charge of the operator; as the citizen gets it.
macro_rules! in_charge {
    ($app:expr, $world:expr) => {{
        let body = json!({"service": "iscrizione-asilo-nido", "data": sample("iscrizione-asilo-nido")});
        let made = call!($app, $world, POST "applications", citizen, body).json;
        let id = made["id"].as_str().unwrap().to_owned();
        let act = $world.last_event(&id).await.payload["act"].clone();
        $world.document(&id, &act, "DOCUMENT_CREATED", None).await;
        $world.document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/1")).await;
        let path = format!("applications/{id}/transition/assign");
        assert_eq!(call!($app, $world, POST path, operator).status, 204);
        call!($app, $world, GET format!("applications/{id}"), citizen).json
    }};
}

// After the macros, which they use.
mod answers;
mod data;
