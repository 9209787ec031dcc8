//! Payments over HTTP: who is shown them, and dues that are handed in.

use std::collections::HashMap;

use opencity_kernel::events::{Change, Topic};
use opencity_testing::on_both_databases;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::installation::{
    APPLICATION, Installation, SERVICE, TENANT, application, payment_data, service,
};
use crate::served::{Served, staff};

on_both_databases! {
    async fn payments_are_shown_to_their_citizen_and_to_those_who_may_view_the_application_only(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        let served = Served::of(&installation).await;
        let (office, linked) = (Uuid::now_v7(), Uuid::now_v7());
        let body = json!({"tenant": TENANT, "slug": "suolo", "name": "Suolo", "user_group_ids": [linked], "updated_at": "2025-03-10T09:20:11+01:00"});
        installation
            .tell(Topic::Services, SERVICE, 1, Change::created(), body)
            .await;
        let assigned = staff(&installation, json!({})).await;
        let mut event = application(1, payment_data(1));
        event["user_group_id"] = json!(office);
        event["operator_id"] = json!(assigned);
        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                1,
                Change::status(Some("1000"), "1500"),
                event,
            )
            .await;
        let owner: Uuid = "5b00796e-ef10-8c98-b9f5-b0f7ffd7a17d".parse().unwrap();
        let callers = [
            (owner, "ROLE_CPS_USER", true),
            (Uuid::now_v7(), "ROLE_CPS_USER", false),
            (assigned, "ROLE_OPERATORE", true),
            (
                staff(&installation, json!({})).await,
                "ROLE_OPERATORE",
                false,
            ),
            (
                staff(&installation, json!({"enabled_services_ids": [SERVICE]})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"user_groups_ids": [office]})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"user_groups_ids": [linked]})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"user_groups_ids": [Uuid::now_v7()]})).await,
                "ROLE_OPERATORE",
                false,
            ),
            (
                staff(&installation, json!({"system_user": true})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"role": "admin"})).await,
                "ROLE_ADMIN",
                true,
            ),
        ];
        // Asked at once: the answer waits for what was told before.
        for (place, (user, role, sees)) in callers.into_iter().enumerate() {
            let (status, body) = served.list(&served.token(user, role), APPLICATION).await;
            assert_eq!(
                status,
                if sees { 200 } else { 404 },
                "caller {place}: {body}"
            );
            if sees {
                assert_eq!(body.as_array().unwrap().len(), 2);
                assert_eq!(body[0]["tenant_id"], TENANT);
            }
        }
        let unknown = Uuid::now_v7().to_string();
        assert_eq!(
            served
                .list(&served.token(owner, "ROLE_CPS_USER"), &unknown)
                .await
                .0,
            404
        );
        assert_eq!(
            served
                .list(&served.token(owner, "ROLE_CPS_USER"), "x")
                .await
                .0,
            400
        );
        assert_eq!(served.list("x", APPLICATION).await.0, 401);
    }

    async fn a_due_is_handed_in_once_per_service_and_notice_number(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        let served = Served::of(&installation).await;
        service(&installation, "dues").await;
        let admin = served.token(
            staff(&installation, json!({"role": "admin"})).await,
            "ROLE_ADMIN",
        );
        let body = json!({
            "service_id": SERVICE, "reason": "Mensa", "amount": 50.5, "expire_at": "2030-04-30T23:59:59+02:00",
            "notice_code": "301202400001234539", "payer": {"tax_identification_number": "RSSMRA80A01H501U", "name": "Mario"}
        });
        let (status, made) = served.hand_in(&admin, "one", &body).await;
        assert_eq!(
            (status, made["status"].as_str()),
            (201, Some("PAYMENT_PENDING")),
            "{made}"
        );
        assert_eq!(
            served.hand_in(&admin, "one", &body).await,
            (201, made.clone())
        );
        let (status, refused) = served.hand_in(&admin, "two", &body).await;
        assert_eq!(
            (status, refused["code"].as_str()),
            (409, Some("already-exists"))
        );
        installation.settled().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 1);

        let (status, shown) = served.list(&admin, made["id"].as_str().unwrap()).await;
        assert_eq!(
            (status, shown[0]["payment"]["notice_code"].as_str()),
            (200, Some("301202400001234539"))
        );
        let citizen = Uuid::parse_str(made["user_id"].as_str().unwrap()).unwrap();
        assert_eq!(
            served
                .list(
                    &served.token(citizen, "ROLE_CPS_USER"),
                    made["id"].as_str().unwrap()
                )
                .await
                .0,
            200
        );

        let mut without_number = body.clone();
        without_number["notice_code"] = Value::Null;
        assert_eq!(
            served.hand_in(&admin, "three", &without_number).await.1["status"],
            "CREATION_PENDING"
        );
        let mut unknown = body.clone();
        unknown["service_id"] = json!(Uuid::new_v4());
        assert_eq!(
            served.hand_in(&admin, "four", &unknown).await.1["code"],
            "unknown-reference"
        );
        let operator = served.token(staff(&installation, json!({})).await, "ROLE_OPERATORE");
        assert_eq!(served.hand_in(&operator, "five", &body).await.0, 403);
        let system = served.token(
            staff(&installation, json!({"system_user": true})).await,
            "ROLE_OPERATORE",
        );
        assert_eq!(served.hand_in(&system, "six", &body).await.0, 409);
    }
}
