//! The pretend registry, over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use support::{BODY, Sandbox};

const MAIN: &[u8] = b"%PDF-1.4 the application";
const ATTACHMENT: &[u8] = b"a plan";

fn announced(name: &str, bytes: &[u8]) -> Value {
    let digest = hex::encode(digest::digest(&digest::SHA256, bytes));
    json!({ "name": name, "sha256": digest, "size": bytes.len() })
}

fn registration(external_id: &str) -> Value {
    json!({
        "external_id": external_id,
        "organization_tax_code": BODY,
        "flow": "inbound",
        "subject": "Occupazione di suolo pubblico",
        "folder_title": "Occupazione di suolo pubblico 2025",
        "sender": { "name": "Mario", "family_name": "Rossi" },
        "recipients": [{ "name": "Comune di Bugliano" }],
        "documents": [announced("domanda.pdf", MAIN), announced("planimetria.txt", ATTACHMENT)],
    })
}

async fn register(sandbox: &Sandbox, request: &Value) -> Value {
    let (status, answer) = sandbox.post("/registry/registrations", request).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

#[tokio::test]
async fn a_document_gets_one_number_then_its_files_and_is_complete() {
    let sandbox = Sandbox::start().await;
    let made = register(&sandbox, &registration("d-1")).await;
    assert_eq!(
        (&made["number"], &made["status"]),
        (&json!("0000001"), &json!("reserved"))
    );
    assert_eq!(
        made["year"],
        made["registered_at"].as_str().unwrap()[..4]
            .parse::<u32>()
            .unwrap()
    );
    let (status, again) = sandbox
        .post("/registry/registrations", &registration("d-1"))
        .await;
    assert_eq!((status, &again), (200, &made));

    let complete = "/registry/registrations/d-1/complete";
    let file = |index| format!("/registry/registrations/d-1/files/{index}");
    let (status, problem) = sandbox.post(complete, &json!({})).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid")));
    assert_eq!(sandbox.put_file(&file(0), MAIN).await.0, 200);
    let (status, problem) = sandbox.post(complete, &json!({})).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("[1]"));
    assert_eq!(sandbox.put_file(&file(1), ATTACHMENT).await.0, 200);
    assert_eq!(sandbox.put_file(&file(1), ATTACHMENT).await.0, 200);
    for _ in 0..2 {
        let (status, answer) = sandbox.post(complete, &json!({})).await;
        assert_eq!((status, &answer["status"]), (200, &json!("complete")));
        assert_eq!(answer["number"], made["number"]);
    }
    let found = sandbox.get_json("/registry/registrations/d-1").await;
    assert_eq!(
        (&found["status"], &found["document_id"]),
        (&json!("complete"), &made["document_id"])
    );
    let counters = sandbox.counters().await;
    assert_eq!(
        (&counters["numbers"], &counters["files"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(counters["registrations_complete"], 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_file_that_is_not_the_announced_one_is_refused() {
    let sandbox = Sandbox::start().await;
    register(&sandbox, &registration("d-1")).await;
    let file = "/registry/registrations/d-1/files/1";
    let (status, _) = sandbox.put_file(file, b"A PLAN").await;
    assert_eq!(status, 422);
    let (status, _) = sandbox.put_file(file, b"a pla").await;
    assert_eq!(status, 422);
    let (status, problem) = sandbox.put_file(file, b"a plan and more").await;
    assert_eq!((status, &problem["code"]), (413, &json!("too-large")));
    for nowhere in ["d-1/files/2", "d-1/files/-1", "d-1/files/x", "d-2/files/0"] {
        let (status, _) = sandbox
            .put_file(&format!("/registry/registrations/{nowhere}"), ATTACHMENT)
            .await;
        assert_eq!(status, 404, "{nowhere}");
    }
    assert_eq!(sandbox.counters().await["files"], 0);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_have_no_gap_and_no_double_under_concurrency() {
    let sandbox = Sandbox::start().await;
    // Every document is asked for three times, all at once.
    let requests: Vec<Value> = (0..90)
        .map(|index| registration(&format!("d-{}", index % 30)))
        .collect();
    let answers = futures::future::join_all(
        requests
            .iter()
            .map(|request| sandbox.post("/registry/registrations", request)),
    )
    .await;
    assert_eq!(
        answers.iter().filter(|(status, _)| *status == 201).count(),
        30
    );
    let numbers: BTreeSet<String> = answers
        .iter()
        .map(|(_, answer)| answer["number"].as_str().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<String> = (1..=30).map(|number| format!("{number:07}")).collect();
    assert_eq!(numbers, expected);
    let counters = sandbox.counters().await;
    assert_eq!(
        (&counters["numbers"], &counters["folders"]),
        (&json!(30), &json!(1))
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn each_title_has_its_folder_and_each_body_its_own_numbers() {
    let sandbox = Sandbox::start().await;
    let first = register(&sandbox, &registration("d-1")).await;
    let same = register(&sandbox, &registration("d-2")).await;
    let mut other_title = registration("d-3");
    other_title["folder_title"] = json!("Iscrizione al nido 2025");
    let other = register(&sandbox, &other_title).await;
    assert_eq!(first["folder_number"], same["folder_number"]);
    assert_ne!(first["folder_number"], other["folder_number"]);
    assert_eq!(other["number"], "0000003");

    let mut other_body = registration("d-4");
    other_body["organization_tax_code"] = json!("00514490010");
    let elsewhere = register(&sandbox, &other_body).await;
    assert_eq!(elsewhere["number"], "0000001");
    sandbox.stop().await;
}

#[tokio::test]
async fn other_content_under_a_known_id_is_a_conflict_and_bad_content_is_refused() {
    let sandbox = Sandbox::start().await;
    register(&sandbox, &registration("d-1")).await;
    let mut other = registration("d-1");
    other["subject"] = json!("Altro");
    let (status, problem) = sandbox.post("/registry/registrations", &other).await;
    assert_eq!((status, &problem["code"]), (409, &json!("other-content")));
    for (field, value) in [
        ("flow", json!("sideways")),
        ("documents", json!([])),
        (
            "documents",
            json!([{ "name": "a", "sha256": "abc", "size": 1 }]),
        ),
        ("subject", json!("")),
    ] {
        let mut bad = registration("d-2");
        bad[field] = value;
        let (status, _) = sandbox.post("/registry/registrations", &bad).await;
        assert_eq!(status, 422, "{bad}");
    }
    assert_eq!(
        sandbox.get("/registry/registrations/d-2").await.status(),
        404
    );
    // Refused requests have used no number.
    assert_eq!(
        register(&sandbox, &registration("d-3")).await["number"],
        "0000002"
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_numbers_folders_and_files() {
    let sandbox = Sandbox::start().await;
    let made = register(&sandbox, &registration("d-1")).await;
    sandbox
        .put_file("/registry/registrations/d-1/files/0", MAIN)
        .await;

    let sandbox = sandbox.restart().await;
    let found = sandbox.get_json("/registry/registrations/d-1").await;
    assert_eq!(
        (&found["number"], &found["document_id"]),
        (&made["number"], &made["document_id"])
    );
    assert_eq!(
        found["files"],
        json!([{ "index": 0, "received": true }, { "index": 1, "received": false }])
    );
    let next = register(&sandbox, &registration("d-2")).await;
    assert_eq!(next["number"], "0000002");
    assert_eq!(next["folder_number"], made["folder_number"]);
    let listed = sandbox
        .get("/_control/registrations")
        .await
        .text()
        .await
        .unwrap();
    assert!(listed.contains("d-1") && !listed.contains("Rossi"));
    sandbox.stop().await;
}
