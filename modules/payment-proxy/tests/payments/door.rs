//! What is left alone or refused: payments of others, wrong signatures, callers without a token or with too many calls.

use opencity_kernel::events::{Change, Topic};
use opencity_testing::on_both_databases;
use serde_json::json;
use uuid::Uuid;

use crate::support::{self, World, payment};

on_both_databases! {
    async fn payments_of_others_are_left_alone(store) {
        let world = World::start(store).await;
        let foreign = world
            .request(|payment| payment["service_id"] = json!(Uuid::new_v4()))
            .await;
        let other_type = world
            .request(|payment| payment["type"] = json!("OTHER"))
            .await;
        let republished = Uuid::new_v4();
        world
            .tell(
                Topic::Payments,
                republished,
                1,
                Change::republished(),
                payment(republished),
            )
            .await;
        let known = world.pending().await;
        let again = world.newest(known).await;
        world
            .tell(
                Topic::Payments,
                known,
                1,
                Change::status(None, "PAYMENT_PENDING"),
                again.payload.clone(),
            )
            .await;
        world.settled().await;
        assert_eq!(world.counter("positions").await, 1);
        for id in [foreign, other_type] {
            assert_eq!(world.told(id).await, ["CREATION_PENDING"]);
        }
        assert!(world.events(Topic::RetryQueue).await.is_empty());
        assert_eq!(
            world
                .get(&format!("/payment-proxy/sandbox/online-payment/{foreign}"))
                .await
                .status(),
            404
        );
        assert_eq!(
            world
                .get(&format!("/payment-proxy/nobody/online-payment/{known}"))
                .await
                .status(),
            404
        );
    }

    async fn a_notification_with_a_wrong_signature_changes_nothing(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        let iuv = world.newest(id).await.payload["payment"]["iuv"].clone();
        let body = json!({"outcomes": [{"external_id": id, "organization_tax_code": "77777777777", "iuv": iuv, "outcome": "paid",
            "paid_at": "2025-03-10T09:20:11Z", "amount": 1650, "transaction_id": "x"}]});
        for (body, status) in [(body, 401), (json!({"outcomes": "x"}), 400)] {
            let request = world
                .client
                .post(format!("{}/payment-proxy/sandbox/notify", world.base));
            let answer = request
                .header("X-Sandbox-Signature", "00")
                .json(&body)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), status);
        }
        assert_eq!(world.told(id).await.last().unwrap(), "PAYMENT_PENDING");
    }

    async fn operations_of_operators_and_configurations_ask_for_a_token(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        for (method, path) in [
            ("GET", format!("update/{id}")),
            ("PATCH", format!("confirm/{id}")),
            ("PATCH", format!("cancel/{id}")),
            ("GET", "configs".to_owned()),
            ("GET", "configs/schema".to_owned()),
            ("GET", "tenants/schema".to_owned()),
            ("GET", format!("services/{}", support::SERVICE)),
        ] {
            let url = format!("{}/payment-proxy/sandbox/{path}", world.base);
            let answer = world
                .client
                .request(method.parse().unwrap(), url)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 401, "{method} {path}");
        }
    }

    async fn a_link_that_is_followed_too_often_is_refused_for_a_while(store) {
        let world = World::start(store).await;
        let id = Uuid::new_v4();
        let path = format!("/payment-proxy/sandbox/landing/{id}");
        for _ in 0..60 {
            assert_eq!(world.get(&path).await.status(), 404);
        }
        let refused = world.get(&path).await;
        assert_eq!(refused.status(), 429);
        assert!(refused.headers().contains_key("retry-after"));
    }
}
