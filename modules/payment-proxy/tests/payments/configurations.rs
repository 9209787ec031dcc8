//! The configurations of bodies and services, and their forms.

use opencity_testing::on_both_databases;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::World;

fn config(service: Uuid) -> Value {
    json!({
        "payment_type": "PAGOPA", "remote_collection": {"id": service, "type": "service"}, "amount": 16.5, "reason": "Mensa", "expire_at": 30,
        "receiver": {"tax_identification_number": "00123450504", "name": "Comune"}, "collection_data": "9/0101002IM/"
    })
}

on_both_databases! {
    async fn a_service_has_one_active_configuration(store) {
        let world = World::start(store).await;
        let service = Uuid::new_v4();
        let first = world.staff("POST", "configs", config(service), 201).await;
        let id = first["id"].as_str().unwrap().to_owned();
        assert_eq!(
            world.staff("POST", "configs", config(service), 409).await["code"],
            "already-exists"
        );
        let mut stamp = config(service);
        stamp["payment_type"] = json!("STAMP");
        world.staff("POST", "configs", stamp, 201).await;
        let listed = world
            .staff(
                "GET",
                &format!("configs?remote_collection.id={service}"),
                Value::Null,
                200,
            )
            .await;
        assert_eq!(listed.as_array().unwrap().len(), 2);
        assert_eq!(
            world
                .staff("GET", &format!("configs?id={id}"), Value::Null, 200)
                .await,
            json!([first])
        );

        world
            .staff("DELETE", &format!("configs/{id}"), Value::Null, 204)
            .await;
        assert_eq!(
            world
                .staff("GET", &format!("configs/{id}"), Value::Null, 200)
                .await["active"],
            false
        );
        let second = world.staff("POST", "configs", config(service), 201).await;
        assert_eq!(
            world
                .staff(
                    "PATCH",
                    &format!("configs/{id}"),
                    json!({"active": true}),
                    409
                )
                .await["code"],
            "already-exists"
        );
        let other = second["id"].as_str().unwrap();
        world
            .staff(
                "PATCH",
                &format!("configs/{other}"),
                json!({"amount": 20}),
                200,
            )
            .await;
        assert_eq!(
            world
                .staff("GET", &format!("configs/{other}"), Value::Null, 200)
                .await["amount"],
            20
        );
        assert_eq!(
            world
                .staff("GET", &format!("services/{service}"), Value::Null, 200)
                .await["id"],
            json!(service)
        );
        let refused = world
            .staff("POST", "configs", json!({"payment_type": "PAGOPA"}), 422)
            .await;
        assert_eq!(refused["code"], "validation");
    }

    async fn the_forms_of_the_configurations_are_forms(store) {
        let world = World::start(store).await;
        for path in ["tenants/schema", "configs/schema", "services/schema"] {
            let form = world.staff("GET", path, Value::Null, 200).await;
            assert_eq!(form["display"], "form");
            assert!(
                form["components"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|field| field["key"] == "id"),
                "{path}"
            );
        }
    }

    async fn a_body_is_configured_once_and_its_secret_is_not_shown(store) {
        let world = World::start(store).await;
        let tenant = world.tenant();
        let body = json!({"id": tenant, "name": "Comune", "tax_identification_number": "00123450504"});
        world.staff("POST", "tenants", body.clone(), 409).await;
        world
            .staff("PUT", &format!("tenants/{tenant}"), body, 200)
            .await;
        let shown = world
            .staff("GET", &format!("tenants/{tenant}"), Value::Null, 200)
            .await;
        assert_eq!(
            shown,
            json!({"id": tenant, "name": "Comune", "tax_identification_number": "00123450504", "active": true})
        );
        world
            .staff(
                "PATCH",
                &format!("tenants/{tenant}"),
                json!({"tax_identification_number": "123"}),
                422,
            )
            .await;
        world
            .staff("DELETE", &format!("tenants/{tenant}"), Value::Null, 204)
            .await;
        world
            .staff("POST", "configs", config(Uuid::new_v4()), 422)
            .await;
    }
}
