//! The pretend intermediary, over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use std::collections::HashSet;

use aws_lc_rs::hmac;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{BODY, Receiver, Sandbox, position};

/// The rest of the first sixteen digits modulo 93, digit by digit as one does on paper.
fn check_digits(number: &str) -> String {
    let rest = number[..16]
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 93);
    format!("{rest:02}")
}

#[test]
fn the_independent_check_agrees_with_the_worked_examples() {
    for number in [
        "301202400001234539",
        "001202400001234536",
        "220240000123456741",
        "302000000000000184",
        "303000000004610406",
        "001550000000024427",
    ] {
        assert_eq!(check_digits(number), number[16..], "{number}");
    }
}

#[tokio::test]
async fn the_page_is_where_browsers_reach_it() {
    let sandbox = Sandbox::behind("https://pay.example.org/").await;
    let position = sandbox.create(&position("p-1")).await;
    assert_eq!(position["payment_url"], "https://pay.example.org/pay/p-1");
}

#[tokio::test]
async fn a_position_is_made_once_and_the_same_request_finds_it_again() {
    let sandbox = Sandbox::start().await;
    let first = sandbox.create(&position("p-1")).await;
    assert_eq!(first["status"], "unpaid");
    assert_eq!(first["pays"], 0);
    assert_eq!(first["paid_at"], Value::Null);
    assert_eq!(first["payment_url"], sandbox.url("/pay/p-1"));

    let (status, again) = sandbox
        .post("/intermediary/positions", &position("p-1"))
        .await;
    assert_eq!(status, 200);
    assert_eq!(again, first);
    // The same instant and the same content, written otherwise and with another secret.
    let mut rewritten = position("p-1");
    rewritten["expires_at"] = json!("2099-12-31T22:59:59Z");
    rewritten["notify_secret"] = json!("rotated");
    let (status, again) = sandbox.post("/intermediary/positions", &rewritten).await;
    assert_eq!((status, again), (200, first.clone()));

    let mut other = position("p-1");
    other["amount"] = json!(1651);
    let (status, problem) = sandbox.post("/intermediary/positions", &other).await;
    assert_eq!((status, &problem["code"]), (409, &json!("other-content")));

    assert_eq!(sandbox.get_json("/intermediary/positions/p-1").await, first);
    assert_eq!(sandbox.counters().await["positions"], 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn notice_numbers_have_right_check_digits_and_never_repeat_in_a_body() {
    let sandbox = Sandbox::start().await;
    let mut numbers = HashSet::new();
    for index in 0..60 {
        let made = sandbox.create(&position(&format!("p-{index}"))).await;
        let number = made["notice_number"].as_str().unwrap().to_owned();
        assert_eq!(number.len(), 18);
        assert!(number.starts_with("301"));
        assert_eq!(number[16..], check_digits(&number));
        assert_eq!(made["iuv"], number[1..]);
        let (status, _) = sandbox
            .post(
                &format!("/intermediary/positions/p-{index}/cancel"),
                &json!({}),
            )
            .await;
        assert_eq!(status, 200);
        assert!(
            numbers.insert(number),
            "a number of a cancelled position came again"
        );
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_with_one_id_at_once_make_one_position() {
    let sandbox = Sandbox::start().await;
    let requested = position("p-1");
    let answers = futures::future::join_all(
        (0..20).map(|_| sandbox.post("/intermediary/positions", &requested)),
    )
    .await;
    let created = answers.iter().filter(|(status, _)| *status == 201).count();
    let repeated = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!((created, repeated), (1, 19));
    let numbers: HashSet<&str> = answers
        .iter()
        .map(|(_, answer)| answer["notice_number"].as_str().unwrap())
        .collect();
    assert_eq!(numbers.len(), 1);
    assert_eq!(sandbox.counters().await["positions"], 1);
    // The next number is the next one: none was lost to the nineteen.
    let next = sandbox.create(&position("p-2")).await;
    assert!(
        next["notice_number"]
            .as_str()
            .unwrap()
            .starts_with("3010000000000002")
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn the_page_is_accessible_html_without_scripts_and_has_the_three_buttons() {
    let sandbox = Sandbox::start().await;
    let made = sandbox.create(&position("p-1")).await;
    let answer = sandbox.get("/pay/p-1").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let page = answer.text().await.unwrap();
    assert!(page.contains("<html lang=\"it\">") && page.contains("<h1>"));
    for action in ["pay", "fail", "later"] {
        assert!(page.contains(&format!("name=\"action\" value=\"{action}\"")));
    }
    assert!(page.contains("Occupazione di suolo pubblico &lt;1&gt;"));
    assert!(page.contains("16,50 €"));
    let number = made["notice_number"].as_str().unwrap();
    assert!(page.replace(' ', "").contains(number));
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("RSSMRA"));
    assert_eq!(
        sandbox.get("/pay/nobody").await.status(),
        StatusCode::NOT_FOUND
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn paying_pays_once_notifies_with_a_signature_and_goes_back() {
    let sandbox = Sandbox::start().await;
    let mut receiver = Receiver::start(0);
    let mut asked = position("p-1");
    asked["notify_url"] = json!(receiver.url);
    asked["notify_secret"] = json!("segreto");
    sandbox.create(&asked).await;

    let answer = sandbox.press("p-1", "pay").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()["location"],
        asked["return_url"].as_str().unwrap()
    );
    let paid = sandbox.get_json("/intermediary/positions/p-1").await;
    assert_eq!(
        (&paid["status"], &paid["pays"]),
        (&json!("paid"), &json!(1))
    );

    let received = receiver.next().await;
    assert_eq!(
        received.json(),
        json!({ "outcomes": [{
            "external_id": "p-1", "organization_tax_code": BODY, "iuv": paid["iuv"], "outcome": "paid",
            "paid_at": paid["paid_at"], "amount": 1650, "transaction_id": paid["transaction_id"],
        }]})
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"segreto");
    let signature = hex::decode(received.signature.unwrap()).unwrap();
    hmac::verify(&key, &received.body, &signature).expect("a right signature");

    // A second press says so and pays nothing.
    let again = sandbox.press("p-1", "pay").await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let page = again.text().await.unwrap();
    assert!(page.contains("già stato pagato") && !page.contains("<form"));
    assert!(page.contains("href=\"http://127.0.0.1:9/landing/1?a=b&amp;c=d\""));
    sandbox.wait_for_counter("notifications_sent", 1).await;
    let counters = sandbox.counters().await;
    assert_eq!(
        (&counters["payments"], &counters["notifications_pending"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(sandbox.get_json("/intermediary/positions/p-1").await, paid);
    let (status, _) = sandbox
        .post("/intermediary/positions/p-1/cancel", &json!({}))
        .await;
    assert_eq!(status, 409);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_paying_the_same_notice_at_once_pay_it_once() {
    let sandbox = Sandbox::start().await;
    sandbox.create(&position("p-1")).await;
    let answers = futures::future::join_all((0..10).map(|_| sandbox.press("p-1", "pay"))).await;
    let went_back = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::SEE_OTHER)
        .count();
    assert_eq!(went_back, 1);
    assert_eq!(sandbox.counters().await["payments"], 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn failing_and_leaving_go_back_without_paying() {
    let sandbox = Sandbox::start().await;
    let mut receiver = Receiver::start(0);
    let mut asked = position("p-1");
    asked["notify_url"] = json!(receiver.url);
    sandbox.create(&asked).await;
    for action in ["later", "fail"] {
        let answer = sandbox.press("p-1", action).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{action}");
        assert_eq!(
            answer.headers()["location"],
            asked["return_url"].as_str().unwrap()
        );
    }
    let received = receiver.next().await;
    assert_eq!(received.json()["outcomes"][0]["outcome"], "failed");
    assert_eq!(received.signature, None);
    sandbox.wait_for_counter("notifications_sent", 1).await;
    assert_eq!(
        sandbox.get_json("/intermediary/positions/p-1").await["status"],
        "unpaid"
    );
    assert_eq!(
        sandbox.press("p-1", "dance").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(sandbox.counters().await["payments"], 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn what_is_cancelled_or_expired_cannot_be_paid() {
    let sandbox = Sandbox::start().await;
    sandbox.create(&position("cancelled")).await;
    for _ in 0..2 {
        let (status, answer) = sandbox
            .post("/intermediary/positions/cancelled/cancel", &json!({}))
            .await;
        assert_eq!((status, &answer["status"]), (200, &json!("cancelled")));
    }
    let mut past = position("expired");
    past["expires_at"] = json!("2020-01-01T00:00:00Z");
    assert_eq!(sandbox.create(&past).await["status"], "expired");
    for (external_id, says) in [("cancelled", "annullato"), ("expired", "scaduto")] {
        assert!(
            sandbox
                .get(&format!("/pay/{external_id}"))
                .await
                .text()
                .await
                .unwrap()
                .contains(says)
        );
        let answer = sandbox.press(external_id, "pay").await;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert!(answer.text().await.unwrap().contains(says));
    }
    assert_eq!(sandbox.counters().await["payments"], 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_notification_that_is_not_taken_comes_again() {
    let sandbox = Sandbox::start().await;
    let mut receiver = Receiver::start(2);
    let mut asked = position("p-1");
    asked["notify_url"] = json!(receiver.url);
    sandbox.create(&asked).await;
    sandbox.press("p-1", "pay").await;
    let first = receiver.next().await.body;
    assert_eq!(receiver.next().await.body, first);
    assert_eq!(receiver.next().await.body, first);
    sandbox.wait_for_counter("notifications_sent", 1).await;
    sandbox.stop().await;
}

#[tokio::test]
async fn a_notification_that_is_due_survives_a_restart() {
    let sandbox = Sandbox::start().await;
    let mut receiver = Receiver::start(1);
    let mut asked = position("p-1");
    asked["notify_url"] = json!(receiver.url);
    sandbox.create(&asked).await;
    sandbox.press("p-1", "pay").await;
    let first = receiver.next().await.body;
    let sandbox = sandbox.restart().await;
    assert_eq!(receiver.next().await.body, first);
    sandbox.wait_for_counter("notifications_sent", 1).await;
    sandbox.stop().await;
}

#[tokio::test]
async fn the_papers_are_pdf_files_and_the_receipt_waits_for_the_payment() {
    let sandbox = Sandbox::start().await;
    let made = sandbox.create(&position("p-1")).await;
    let notice = sandbox.get("/intermediary/positions/p-1/notice").await;
    assert_eq!(notice.headers()["content-type"], "application/pdf");
    let bytes = notice.bytes().await.unwrap();
    assert!(bytes.starts_with(b"%PDF-1.4") && bytes.ends_with(b"%%EOF\n"));
    let text = String::from_utf8(bytes.to_vec()).unwrap().replace(' ', "");
    assert!(text.contains(made["notice_number"].as_str().unwrap()));
    assert!(text.contains("16,50\\200"));

    let receipt = "/intermediary/positions/p-1/receipt";
    assert_eq!(sandbox.get(receipt).await.status(), StatusCode::CONFLICT);
    sandbox.press("p-1", "pay").await;
    let paid = sandbox.get_json("/intermediary/positions/p-1").await;
    assert!(
        sandbox
            .get(receipt)
            .await
            .bytes()
            .await
            .unwrap()
            .starts_with(b"%PDF-1.4")
    );
    let data: Value = sandbox
        .client
        .get(sandbox.url(receipt))
        .header("Accept", "application/json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(data["receiptId"], paid["transaction_id"]);
    assert_eq!(data["noticeNumber"], made["notice_number"]);
    assert_eq!(data["creditorReferenceId"], made["iuv"]);
    assert_eq!(data["paymentAmount"], "16.50");
    assert_eq!(data["debtor"]["fullName"], "Mario Rossi");
    assert_eq!(data["transferList"][0]["transferCategory"], "9/0101100IM/");
    let unknown = sandbox.get("/intermediary/positions/p-2/receipt").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_payer_is_found_by_a_body_and_never_by_an_address() {
    let sandbox = Sandbox::start().await;
    sandbox.create(&position("p-1")).await;
    let mut other_body = position("p-2");
    other_body["organization_tax_code"] = json!("00514490010");
    sandbox.create(&other_body).await;
    let mut other_payer = position("p-3");
    other_payer["payer"]["tax_identification_number"] = json!("VRDLGI80A01H501X");
    sandbox.create(&other_payer).await;

    let ids = async |search: Value| {
        let (status, found) = sandbox
            .post("/intermediary/positions/search", &search)
            .await;
        assert_eq!(status, 200);
        let found = found["data"].as_array().unwrap().clone();
        found
            .iter()
            .map(|p| p["external_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(json!({ "payer_tax_code": "rssmra80a01h501u" })).await,
        ["p-1", "p-2"]
    );
    assert_eq!(
        ids(json!({ "payer_tax_code": "RSSMRA80A01H501U", "organization_tax_code": BODY })).await,
        ["p-1"]
    );
    let listed = sandbox
        .get("/_control/positions")
        .await
        .text()
        .await
        .unwrap();
    assert!(listed.contains("p-3") && !listed.contains("RSSMRA") && !listed.contains("Mario"));
    sandbox.stop().await;
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_problem_and_change_nothing() {
    let sandbox = Sandbox::start().await;
    let with = |field: &str, value: Value| {
        let mut request = position("p-1");
        request[field] = value;
        request
    };
    for bad in [
        with("amount", json!(0)),
        with("amount", json!("16.50")),
        with("external_id", json!("a/b")),
        with("external_id", json!("search")),
        with("organization_tax_code", json!("123")),
        with("reason", json!("x".repeat(141))),
        with("return_url", json!("javascript:alert(1)")),
        with("notify_url", json!("ftp://example.org/")),
        with("expires_at", json!("domani")),
        with("kind", json!("gift")),
        with(
            "stamp",
            json!({ "type": "01", "document_hash": "x".repeat(44), "province": "PI" }),
        ),
    ] {
        let (status, problem) = sandbox.post("/intermediary/positions", &bad).await;
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("invalid")),
            "{bad}"
        );
    }
    let answer = sandbox
        .client
        .post(sandbox.url("/intermediary/positions"))
        .header("Content-Type", "application/json")
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let (status, problem) = sandbox
        .post(
            "/intermediary/positions",
            &with("reason", json!("x".repeat(300_000))),
        )
        .await;
    assert_eq!((status, &problem["code"]), (413, &json!("too-large")));
    assert_eq!(
        sandbox.get("/nowhere").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        sandbox.get("/intermediary/positions").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(sandbox.counters().await["positions"], 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_stamp_carries_the_hash_and_the_province() {
    let sandbox = Sandbox::start().await;
    let mut stamp = position("p-1");
    stamp["kind"] = json!("stamp");
    stamp["stamp"] = json!({ "type": "01", "document_hash": "x".repeat(44), "province": "PI" });
    assert_eq!(sandbox.create(&stamp).await["kind"], "stamp");
    stamp["external_id"] = json!("p-2");
    stamp["stamp"]["province"] = json!("Pisa");
    let (status, _) = sandbox.post("/intermediary/positions", &stamp).await;
    assert_eq!(status, 422);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_restart_on_the_same_files_keeps_everything() {
    let sandbox = Sandbox::start().await;
    sandbox.create(&position("paid")).await;
    sandbox.press("paid", "pay").await;
    sandbox.create(&position("cancelled")).await;
    sandbox
        .post("/intermediary/positions/cancelled/cancel", &json!({}))
        .await;
    sandbox.create(&position("open")).await;
    let list = |answer: Value| answer["data"].clone();
    let before = list(sandbox.get_json("/_control/positions").await);
    let receipt = sandbox.get_json("/intermediary/positions/paid").await["transaction_id"].clone();
    assert!(sandbox.store_file().exists());

    let sandbox = sandbox.restart().await;
    assert_eq!(list(sandbox.get_json("/_control/positions").await), before);
    let paid = sandbox.get_json("/intermediary/positions/paid").await;
    assert_eq!(paid["transaction_id"], receipt);
    let (status, _) = sandbox
        .post("/intermediary/positions", &position("open"))
        .await;
    assert_eq!(status, 200);
    // The counter goes on, it does not begin again.
    let next = sandbox.create(&position("new")).await;
    assert!(
        next["notice_number"]
            .as_str()
            .unwrap()
            .starts_with("3010000000000004")
    );
    sandbox.stop().await;
}
