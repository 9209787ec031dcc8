//! What an application that waits for its payment makes of payments, and how they are told again.

use std::collections::HashMap;

use opencity_kernel::events::{Change, Topic};
use opencity_kernel::module::Module as _;
use opencity_testing::on_both_databases;
use serde_json::Value;

use crate::installation::{APPLICATION, Installation, SERVICE, application, payment_data};

async fn tell(installation: &Installation, version: i64, change: Change, payment_data: Value) {
    let body = application(version, payment_data);
    installation
        .tell(Topic::Applications, APPLICATION, version, change, body)
        .await;
}

on_both_databases! {
    async fn an_application_is_charged_once_per_attempt_and_item_however_often_it_is_told(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        let pending = || Change::status(Some("1000"), "1500");
        for version in [1, 2] {
            tell(&installation, version, pending(), payment_data(1)).await;
        }
        tell(&installation, 3, Change::republished(), payment_data(2)).await;
        tell(&installation, 4, Change::data(), payment_data(2)).await;
        installation.settled().await;
        let first = installation.events(Topic::Payments).await;
        let items: Vec<_> = first
            .iter()
            .map(|event| event.payload["item"].as_str().unwrap())
            .collect();
        assert_eq!(items, ["amount", "stamp:0"]);
        assert!(
            first
                .iter()
                .all(|event| event.key == SERVICE && event.payload["event_version"] == "2.0")
        );
        assert!(
            first
                .iter()
                .all(|event| event.payload["change"]["to"] == "CREATION_PENDING"
                    && event.aggregate_version == 1)
        );

        tell(&installation, 5, pending(), payment_data(2)).await;
        installation.settled().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 4);
    }

    async fn an_application_without_payment_data_makes_no_payment(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        tell(&installation, 1, Change::status(None, "1500"), Value::Null).await;
        installation.settled().await;
        assert!(installation.events(Topic::Payments).await.is_empty());
        assert!(installation.events(Topic::RetryQueue).await.is_empty());
    }

    async fn the_present_form_of_every_payment_can_be_told_again(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        tell(&installation, 1, Change::status(None, "1500"), payment_data(1)).await;
        installation.settled().await;
        assert_eq!(
            installation
                .module
                .republish(Topic::Payments)
                .await
                .unwrap(),
            Some(2)
        );
        assert_eq!(
            installation.module.republish(Topic::Jobs).await.unwrap(),
            None
        );
        installation.settled().await;
        let events = installation.events(Topic::Payments).await;
        assert_eq!(events.len(), 4);
        for again in &events[2..] {
            let first = events[..2].iter().find(|event| event.entity == again.entity).unwrap();
            assert_eq!(again.change_type(), "republished");
            assert_eq!(again.payload["payment"], first.payload["payment"]);
            assert_eq!(again.aggregate_version, first.aggregate_version);
        }
    }
}
