//! The life of a payment at the sandbox's intermediary, and what its faults do to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod support;

use opencity_contracts::PaymentEvent;
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::notice_number::NoticeNumber;
use opencity_testing::on_both_databases;
use serde_json::{Value, json};
use support::{World, payment};
use uuid::Uuid;

const CREATE: &str = "POST /intermediary/positions";
const READ: &str = "GET /intermediary/positions/{external_id}";
const LANDING: &str = "https://servizi.example.it/lang/it/pratiche/1/detail";

fn config(service: Uuid) -> Value {
    json!({
        "payment_type": "PAGOPA", "remote_collection": {"id": service, "type": "service"}, "amount": 16.5, "reason": "Mensa", "expire_at": 30,
        "receiver": {"tax_identification_number": "00123450504", "name": "Comune"}, "collection_data": "9/0101002IM/"
    })
}

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

    async fn a_slow_intermediary_is_waited_for(store) {
        let world = World::start(store).await;
        world.fault("slow", Some(1), 1000, CREATE).await;
        world.pending().await;
        assert!(world.events(Topic::RetryQueue).await.is_empty());
    }

    async fn an_intermediary_that_is_down_is_asked_again_later(store) {
        let world = World::start(store).await;
        world.fault("down", Some(1), 0, CREATE).await;
        let id = world.request(|_| ()).await;
        world.until_retried(1).await;
        assert_eq!(world.told(id).await, ["CREATION_PENDING"]);
        world.redeliver(1).await;
        world.until_state(id, "PAYMENT_PENDING").await;
        assert_eq!(world.counter("positions").await, 1);
    }

    async fn an_answer_that_was_lost_leads_to_the_same_position(store) {
        let world = World::start(store).await;
        world
            .fault("accept_then_timeout", Some(1), 4000, CREATE)
            .await;
        let id = world.request(|_| ()).await;
        world.until_retried(1).await;
        assert_eq!(world.counter("positions").await, 1);
        world.redeliver(1).await;
        world.until_state(id, "PAYMENT_PENDING").await;
        assert_eq!(world.counter("positions").await, 1);
        assert_eq!(
            world.told(id).await,
            ["CREATION_PENDING", "PAYMENT_PENDING"]
        );
    }

    async fn a_refused_payment_fails_and_holds_nothing_up(store) {
        let world = World::start(store).await;
        world.fault("refuse", Some(1), 0, CREATE).await;
        let refused = world.request(|_| ()).await;
        world.until_state(refused, "CREATION_FAILED").await;
        assert!(world.events(Topic::RetryQueue).await.is_empty());
        world.pending().await;
    }

    async fn a_payment_whose_attempts_are_used_up_fails(store) {
        let world = World::start(store).await;
        world.fault("down", None, 0, CREATE).await;
        let id = world.request(|_| ()).await;
        world.until_retried(1).await;
        world.redeliver(10).await;
        world.until_state(id, "CREATION_FAILED").await;
    }

    async fn an_application_that_goes_on_otherwise_has_its_debt_cancelled(store) {
        let world = World::start(store).await;
        let application = Uuid::now_v7();
        world.application(application, 1, "1500", 1).await;
        let id = world
            .request(|payment| payment["remote_id"] = json!(application))
            .await;
        world.until_state(id, "PAYMENT_PENDING").await;
        world.application(application, 2, "20000", 1).await;
        world.settled().await;
        world.tick().await;
        world.until_state(id, "CANCELED").await;
        assert_eq!(world.counter("cancelled").await, 1);
        world.application(application, 3, "20000", 1).await;
        world.settled().await;
        world.tick().await;
        assert_eq!(
            world.told(id).await,
            ["CREATION_PENDING", "PAYMENT_PENDING", "CANCELED"]
        );
    }

    async fn a_debt_that_cannot_be_cancelled_now_stays_and_is_cancelled_later(store) {
        let world = World::start(store).await;
        let application = Uuid::now_v7();
        world.application(application, 1, "1500", 1).await;
        let id = world
            .request(|payment| payment["remote_id"] = json!(application))
            .await;
        world.until_state(id, "PAYMENT_PENDING").await;
        world
            .fault(
                "down",
                Some(1),
                0,
                "POST /intermediary/positions/{external_id}/cancel",
            )
            .await;
        world.application(application, 2, "20000", 1).await;
        world.settled().await;
        world.tick().await;
        assert_eq!(world.told(id).await.last().unwrap(), "PAYMENT_PENDING");
        world
            .staff("PATCH", &format!("cancel/{id}"), Value::Null, 200)
            .await;
        assert_eq!(world.told(id).await.last().unwrap(), "CANCELED");
        assert_eq!(world.counter("cancelled").await, 1);
    }

    async fn the_debts_of_an_older_attempt_are_cancelled_and_those_of_the_new_one_stay(store) {
        let world = World::start(store).await;
        let application = Uuid::now_v7();
        world.application(application, 1, "1500", 1).await;
        let first = world
            .request(|payment| payment["remote_id"] = json!(application))
            .await;
        world.until_state(first, "PAYMENT_PENDING").await;
        world.application(application, 2, "1530", 1).await;
        world.application(application, 3, "1500", 2).await;
        let second = world.request(|payment| {
            payment["remote_id"] = json!(application);
            payment["attempt"] = json!(2);
        });
        let second = second.await;
        world.until_state(second, "PAYMENT_PENDING").await;
        world.settled().await;
        world.tick().await;
        world.until_state(first, "CANCELED").await;
        assert_eq!(
            world.told(second).await.last().unwrap(),
            "PAYMENT_PENDING"
        );
        assert_eq!(world.counter("cancelled").await, 1);
        // A cancelled payment leads back, not to the page.
        assert_eq!(world.follow("online-payment", first).await, LANDING);
    }

    async fn nothing_is_created_for_an_application_that_has_gone_on(store) {
        let world = World::start(store).await;
        let application = Uuid::now_v7();
        world.application(application, 1, "1500", 1).await;
        world.application(application, 2, "20000", 1).await;
        world.settled().await;
        let id = world
            .request(|payment| payment["remote_id"] = json!(application))
            .await;
        world.until_state(id, "CANCELED").await;
        assert_eq!(world.counter("positions").await, 0);
    }

    async fn a_payment_that_is_paid_while_it_is_cancelled_is_complete(store) {
        let world = World::start(store).await;
        let application = Uuid::now_v7();
        world.application(application, 1, "1500", 1).await;
        let id = world
            .request(|payment| payment["remote_id"] = json!(application))
            .await;
        world.until_state(id, "PAYMENT_PENDING").await;
        let page = world.follow("online-payment", id).await;
        world.press(&page, "pay").await;
        world.application(application, 2, "20000", 1).await;
        world.settled().await;
        world.tick().await;
        world.until_state(id, "COMPLETE").await;
        assert_eq!(world.counter("cancelled").await, 0);
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

    async fn a_payment_made_otherwise_is_complete_and_its_position_is_cancelled(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        let body = json!({"paid_at": "2025-03-10T09:20:11+01:00", "transaction_id": "bonifico 1"});
        world
            .staff("PATCH", &format!("confirm/{id}"), body, 200)
            .await;
        assert_eq!(world.told(id).await.last().unwrap(), "COMPLETE");
        assert_eq!(
            world.newest(id).await.payload["payment"]["paid_at"],
            "2025-03-10T09:20:11+01:00"
        );
        world.tick().await;
        assert_eq!(world.counter("cancelled").await, 1);
        let refused = world
            .staff("PATCH", &format!("cancel/{id}"), Value::Null, 422)
            .await;
        assert_eq!(
            (refused["code"].as_str(), refused["state"].as_str()),
            (Some("illegal-transition"), Some("COMPLETE"))
        );
        assert_eq!(world.told(id).await.last().unwrap(), "COMPLETE");
    }

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
