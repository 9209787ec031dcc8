//! Services that take one application of each kind.

use serde_json::{Value, json};

use crate::offered::service;
use crate::world::{World, sample};
use crate::{app, call, on_both_databases};

const FORM: &str = "segnalazione-disservizio";

async fn one_of_a_kind(world: &World) {
    let more = json!({"post_submit_validation_expression": "{{ data.subject }} in {{ data.address.display_name }}",
        "post_submit_validation_message": "Questa segnalazione c'è già."});
    service(world, "una-sola-volta", FORM, more).await;
}

fn report(subject: &str) -> Value {
    let mut data = sample(FORM);
    data["subject"] = json!(subject);
    json!({"service": "una-sola-volta", "data": data})
}

on_both_databases! {
    async fn a_second_application_with_the_same_unique_id_is_refused_with_the_services_message(store) {
        let world = World::on(store).await;
        let app = app!(world);
        one_of_a_kind(&world).await;
        let first = call!(app, world, POST "applications", citizen, report("Lampione"));
        assert_eq!(first.status, 201, "{}", first.text);
        let told = world.events(&[opencity_kernel::events::Topic::Applications]).await.len();

        let second = call!(app, world, POST "applications", anonymous, report(" LAMPIONE"));
        assert_eq!(second.told(), (422, "duplicate-application"));
        assert_eq!(second.json["detail"], "Questa segnalazione c'è già.");
        let all = world.events(&[opencity_kernel::events::Topic::Applications]).await;
        assert_eq!(all.len(), told, "nothing of the second is kept");
        let other = call!(app, world, POST "applications", anonymous, report("Tombino"));
        assert_eq!(other.status, 201, "{}", other.text);
        // Another service asks for nothing of the kind.
        let mut elsewhere = report("Lampione");
        elsewhere["service"] = json!(FORM);
        assert_eq!(call!(app, world, POST "applications", citizen, elsewhere).status, 201);
    }

    async fn a_draft_meets_the_other_one_when_it_is_sent(store) {
        let world = World::on(store).await;
        let app = app!(world);
        one_of_a_kind(&world).await;
        let mut draft = report("Lampione");
        draft["status"] = json!(1000);
        let draft = call!(app, world, POST "applications", citizen, draft);
        assert_eq!(draft.status, 201, "{}", draft.text);
        let sent = call!(app, world, POST "applications", anonymous, report("Lampione"));
        assert_eq!(sent.status, 201, "{}", sent.text);
        let path = format!("applications/{}", draft.json["id"].as_str().unwrap());
        let late = call!(app, world, POST format!("{path}/transition/submit"), citizen);
        assert_eq!(late.told(), (422, "duplicate-application"));
        assert_eq!(call!(app, world, GET path, citizen).json["status"], "1000");
        let mut other = sample(FORM);
        other["subject"] = json!("Un altro lampione");
        let put = call!(app, world, PUT path, citizen, json!({"data": other}));
        assert_eq!(put.status, 200, "{}", put.text);
        let now = call!(app, world, POST format!("{path}/transition/submit"), citizen);
        assert_eq!(now.status, 204, "{}", now.text);
    }
}
