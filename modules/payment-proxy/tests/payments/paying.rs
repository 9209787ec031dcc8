//! The life of a payment: its position, its links, paid, failed or expired.

use opencity_contracts::PaymentEvent;
use opencity_kernel::notice_number::NoticeNumber;
use opencity_testing::on_both_databases;
use serde_json::{Value, json};

use crate::LANDING;
use crate::support::{self, World};

const READ: &str = "GET /intermediary/positions/{external_id}";

on_both_databases! {
    async fn a_payment_becomes_a_position_with_number_receiver_and_links(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        let event = world.newest(id).await;
        assert_eq!(
            (event.aggregate_version, event.key.as_str()),
            (2, support::SERVICE)
        );
        assert_eq!(event.payload["app_id"], "payment-proxy:0.1.0");
        let payment: PaymentEvent = opencity_contracts::read(&event.payload).unwrap();
        assert_eq!(payment.validate(), Ok(()));
        let details = &payment.payment;
        let number: NoticeNumber =
            NoticeNumber::parse(details.notice_code.as_deref().unwrap()).unwrap();
        assert_eq!(Some(number.iuv()), details.iuv.as_deref());
        assert_eq!(
            details.receiver.as_ref().unwrap().tax_identification_number,
            "77777777777"
        );
        assert_eq!(
            (
                details.pagopa_category.as_deref(),
                details.due_type.as_deref()
            ),
            (Some("9/0101002IM/"), Some("COSAP"))
        );
        let links = &event.payload["links"];
        for (link, operation) in [
            ("online_payment_begin", "online-payment"),
            ("offline_payment", "offline-payment"),
            ("receipt", "receipt"),
            ("update", "update"),
            ("confirm", "confirm"),
            ("cancel", "cancel"),
        ] {
            assert_eq!(
                links[link]["url"],
                format!("{}/payment-proxy/sandbox/{operation}/{id}", world.base),
                "{link}"
            );
        }
        assert!(links["update"]["next_check_at"].is_string());
        assert_eq!(world.counter("positions").await, 1);
    }

    async fn a_payment_seen_by_notifications_by_the_return_and_by_checks_completes_once(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        world
            .fault("notify_twice", Some(1), 0, "POST /pay/{external_id}")
            .await;
        let page = world.follow("online-payment", id).await;
        assert_eq!(world.follow("online-payment", id).await, page);
        let back = world.press(&page, "pay").await;
        assert_eq!(
            back.headers()["location"].to_str().unwrap(),
            format!("{}/payment-proxy/sandbox/landing/{id}", world.base)
        );
        let (first, second) = tokio::join!(world.follow("landing", id), world.follow("landing", id));
        assert_eq!((first.as_str(), second.as_str()), (LANDING, LANDING));
        world
            .until("both notifications", || async {
                world.counter("notifications_sent").await == 2
            })
            .await;
        world.tick().await;
        assert_eq!(
            world.told(id).await,
            [
                "CREATION_PENDING",
                "PAYMENT_PENDING",
                "PAYMENT_STARTED",
                "COMPLETE"
            ]
        );
        let paid = world.newest(id).await;
        assert!(paid.payload["payment"]["paid_at"].is_string());
        assert!(paid.payload["payment"]["transaction_id"].is_string());
        assert_eq!(
            paid.payload["links"]["update"]["next_check_at"],
            Value::Null
        );
        // What is paid cannot be paid again.
        assert_eq!(world.follow("online-payment", id).await, LANDING);
    }

    async fn the_notice_is_there_before_and_the_receipt_after_the_payment(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        for operation in ["offline-payment", "notice"] {
            let notice = world
                .get(&format!("/payment-proxy/sandbox/{operation}/{id}"))
                .await;
            assert_eq!(
                (
                    notice.status().as_u16(),
                    notice.headers()["content-type"].to_str().unwrap()
                ),
                (200, "application/pdf")
            );
            assert!(notice.bytes().await.unwrap().starts_with(b"%PDF"));
        }
        assert_eq!(
            world
                .get(&format!("/payment-proxy/sandbox/receipt/{id}"))
                .await
                .status(),
            409
        );
        let page = world.follow("online-payment", id).await;
        world.press(&page, "pay").await;
        world.until_state(id, "COMPLETE").await;
        let receipt = world
            .get(&format!("/payment-proxy/sandbox/receipt/{id}"))
            .await;
        assert_eq!(
            (
                receipt.status().as_u16(),
                receipt.headers()["cache-control"].to_str().unwrap()
            ),
            (200, "no-store")
        );
    }

    async fn a_try_that_fails_leaves_the_payment_started(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        let page = world.follow("online-payment", id).await;
        world.press(&page, "fail").await;
        world
            .until("the notification", || async {
                world.counter("notifications_sent").await == 1
            })
            .await;
        world.follow("landing", id).await;
        assert_eq!(world.told(id).await.last().unwrap(), "PAYMENT_STARTED");
    }

    async fn a_payment_whose_time_is_over_expires_at_its_check(store) {
        let world = World::start(store).await;
        let id = world
            .request(|payment| payment["payment"]["expire_at"] = json!("2020-01-01T00:00:00Z"))
            .await;
        world.until_state(id, "PAYMENT_PENDING").await;
        world.fault("down", Some(1), 0, READ).await;
        world.follow("landing", id).await;
        assert_eq!(world.told(id).await.last().unwrap(), "PAYMENT_PENDING");
        world.follow("landing", id).await;
        assert_eq!(world.told(id).await.last().unwrap(), "EXPIRED");
    }

    async fn a_due_gets_the_links_that_it_lacks_and_can_be_paid(store) {
        let world = World::start(store).await;
        let due = world
            .request(|payment| {
                payment["status"] = json!("PAYMENT_PENDING");
                payment["remote_id"] = payment["id"].clone();
                payment["payment"]["notice_code"] = json!("301202400001234539");
                payment["payment"]["iuv"] = json!("01202400001234539");
                payment["links"]["online_payment_landing"]["url"] = Value::Null;
            })
            .await;
        world
            .until("the links", || async {
                world.newest(due).await.aggregate_version == 2
            })
            .await;
        let event = world.newest(due).await;
        assert_eq!(event.change_type(), "data");
        assert_eq!(
            event.payload["payment"]["notice_code"],
            "301202400001234539"
        );
        assert_eq!(world.counter("positions").await, 0);
        let page = world.follow("online-payment", due).await;
        let back = world.press(&page, "pay").await;
        assert_eq!(back.status(), 303);
        assert_eq!(
            world.follow("landing", due).await,
            format!("{}/lang/", world.base)
        );
        world.until_state(due, "COMPLETE").await;
        assert_eq!(
            world.newest(due).await.payload["payment"]["iuv"],
            "01202400001234539"
        );
    }
}
