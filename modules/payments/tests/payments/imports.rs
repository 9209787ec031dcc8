//! Dues from a file: row by row, turn by turn, called off, and the same file again.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::id::FileId;
use opencity_kernel::module::Module as _;
use opencity_kernel::scheduler::Task;
use opencity_testing::{Store, on_both_databases};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::installation::{Installation, SERVICE, service, tenancy};

const FILE: &[u8] = b"notice_number;fiscal_code;amount;reason;created_at;expire_at\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n\
301202400001234538;RSSMRA80A01H501U;50,50;Mensa scolastica aprile 2025;01-03-2025;30-04-2025\n\
302000000000000184;VRDGLI92M54F205A;10;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n";

fn job(file: Uuid, status: &str) -> Value {
    json!({
        "type": "import_dovuti", "status": status, "args": {"service_id": SERVICE},
        "attachment": {"name": "dovuti.csv", "mime_type": "text/csv", "url": format!("https://localhost/lang/api/jobs/{file}/attachment"), "size": 1, "md5": "", "sha256": ""},
        "created_at": "2025-03-10T09:20:11+01:00", "updated_at": "2025-03-10T09:20:11+01:00",
    })
}

async fn request(installation: &Installation, file: Uuid) -> Uuid {
    let id = Uuid::now_v7();
    installation
        .tell(
            Topic::Jobs,
            &id.to_string(),
            1,
            Change::status(None, "pending"),
            job(file, "pending"),
        )
        .await;
    id
}

/// An installation that is asked to import a file for a service of a kind; the file and the job.
async fn asked(store: Store, kind: &str, bytes: &'static [u8]) -> (Installation, Uuid, Uuid) {
    let file = Uuid::now_v7();
    let installation = Installation::start(store, HashMap::from([(file, bytes)])).await;
    service(&installation, kind).await;
    let id = request(&installation, file).await;
    (installation, file, id)
}

async fn call_off(installation: &Installation, file: Uuid, id: Uuid) {
    let cancelled = Change::status(Some("pending"), "cancelled");
    let body = job(file, "cancelled");
    installation
        .tell(Topic::Jobs, &id.to_string(), 2, cancelled, body)
        .await;
}

/// The task of imports, when it has worked for one turn and is not done.
async fn first_turn(installation: &Installation) -> Arc<dyn Task> {
    installation.settled().await;
    let task = installation.module.tasks().remove(0);
    assert!(task.run().await.unwrap());
    task
}

async fn text_of(installation: &Installation, file: Uuid) -> String {
    let content = installation
        .platform
        .sources
        .open(tenancy(), "payments", FileId::from_uuid(file))
        .await
        .unwrap();
    let pieces: Vec<Bytes> = content.body.map(Result::unwrap).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

/// More rows than one turn takes.
fn long_file() -> &'static [u8] {
    let mut text = String::from("notice_number,fiscal_code,amount,reason,expire_at\n");
    for base in 0..2_345_u64 {
        let number = opencity_kernel::notice_number::NoticeNumber::compose(
            opencity_kernel::notice_number::NoticeKind::SingleStation,
            base,
        )
        .unwrap();
        text.push_str(&format!(
            "{},RSSMRA80A01H501U,1,Mensa,2030-01-01\n",
            number.as_str()
        ));
    }
    text.leak().as_bytes()
}

on_both_databases! {
    async fn an_import_that_cannot_be_done_ends_as_failed_with_the_reason(store) {
        let (no_columns, good) = (Uuid::now_v7(), Uuid::now_v7());
        let files = HashMap::from([(no_columns, b"a;b\n1;2\n".as_slice()), (good, FILE)]);
        let installation = Installation::start(store, files).await;
        service(&installation, "dues").await;
        for (file, why) in [
            (no_columns, "notice_number"),
            (Uuid::now_v7(), "the file of the job is not there"),
        ] {
            request(&installation, file).await;
            installation.import().await;
            let end = installation.events(Topic::Jobs).await.pop().unwrap();
            assert_eq!(end.payload["status"], "failed");
            assert!(
                end.payload["output"]["error"]
                    .as_str()
                    .unwrap()
                    .contains(why)
            );
        }
        let (standard, ..) = asked(store, "standard", FILE).await;
        standard.import().await;
        assert_eq!(
            standard.events(Topic::Jobs).await.pop().unwrap().payload["status"],
            "failed"
        );
        assert!(standard.events(Topic::Payments).await.is_empty());
    }

    async fn an_import_that_was_called_off_adds_nothing_and_says_nothing_more(store) {
        let (installation, file, id) = asked(store, "dues", FILE).await;
        call_off(&installation, file, id).await;
        installation.import().await;
        assert!(installation.events(Topic::Payments).await.is_empty());
        assert_eq!(installation.events(Topic::Jobs).await.len(), 2);
    }

    async fn a_long_file_goes_on_turn_by_turn_where_it_was(store) {
        let (installation, ..) = asked(store, "dues", long_file()).await;
        let task = first_turn(&installation).await;
        installation.settled().await;
        let first_turn = installation.events(Topic::Payments).await.len();
        assert!((1..2_345).contains(&first_turn), "{first_turn}");
        while task.run().await.unwrap() {}
        installation.settled().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 2_345);
        let end = installation.events(Topic::Jobs).await.pop().unwrap();
        assert_eq!(
            end.payload["progress"],
            json!({"done": 2345, "total": 2345, "rejected": 0})
        );
    }

    async fn an_import_that_is_called_off_half_way_ends_as_cancelled_whoever_spoke_last(store) {
        let (installation, file, id) = asked(store, "dues", long_file()).await;
        let task = first_turn(&installation).await;
        // `jobs` had heard of no progress yet when it called the import off.
        call_off(&installation, file, id).await;
        installation.settled().await;
        let told = installation.events(Topic::Payments).await.len();
        assert!(!task.run().await.unwrap());
        assert_eq!(installation.events(Topic::Payments).await.len(), told);
        let newest = installation
            .events(Topic::Jobs)
            .await
            .into_iter()
            .max_by_key(|event| event.aggregate_version)
            .unwrap();
        assert_eq!(newest.payload["status"], "cancelled");
    }

    async fn good_rows_of_a_file_become_dues_wrong_ones_are_reported_and_the_same_file_again_adds_nothing(store) {
        let (installation, file, id) = asked(store, "dues", FILE).await;
        installation.import().await;

        let dues = installation.events(Topic::Payments).await;
        assert_eq!(dues.len(), 2);
        let due = &dues[0].payload;
        assert_eq!(
            (
                due["status"].as_str(),
                due["payment"]["notice_code"].as_str()
            ),
            (Some("PAYMENT_PENDING"), Some("301202400001234539"))
        );
        assert_eq!(due["remote_id"], due["id"]);
        assert_eq!(due["links"]["online_payment_begin"]["url"], Value::Null);

        let told = installation.events(Topic::Jobs).await;
        let end = told.last().unwrap();
        assert_eq!(end.payload["status"], "finished");
        assert_eq!(
            end.payload["progress"],
            json!({"done": 4, "total": 4, "rejected": 1})
        );
        assert_eq!(
            end.payload["output"],
            json!({"added": 2, "known": 1, "rejected": 1})
        );
        assert!(
            end.payload["rejects"]["url"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/jobs/{id}/rejects"))
        );
        let versions: Vec<i64> = told.iter().map(|event| event.aggregate_version).collect();
        assert_eq!(versions, (1..=told.len() as i64).collect::<Vec<_>>());
        let rejects = text_of(&installation, id).await;
        let lines: Vec<&str> = rejects.lines().collect();
        assert_eq!(
            lines[0],
            "line,reason,notice_number,fiscal_code,amount,reason,created_at,expire_at"
        );
        assert!(
            lines[1].starts_with("3,") && lines[1].contains("notice_number takes 18 digits"),
            "{}",
            lines[1]
        );

        request(&installation, file).await;
        installation.import().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 2);
        let end = installation.events(Topic::Jobs).await.pop().unwrap();
        assert_eq!(
            end.payload["output"],
            json!({"added": 0, "known": 3, "rejected": 1})
        );
    }
}
