//! Many applications, made by SQL from the few that a platform has. Tests and benchmarks share them.
//!
//! A copy differs from its original by its id, its times (each copy 400 seconds before the one before it, so that
//! 200,000 reach back two and a half years) and its citizen (who has twenty; one in a hundred stays with the
//! original's). Everything else is as the platform wrote it: history, acts, payments, messages and files too.

use serde_json::json;

use super::{Database, PDF, Platform, demo, example, until};

/// Seconds between two copies.
const APART: u32 = 400;

/// What is different in a copy's row.
#[derive(Clone, Copy)]
enum Change {
    /// The copy of the application.
    Application,
    /// An id that nothing names.
    Fresh,
    /// A citizen of whom nothing else is known.
    Citizen,
    /// Earlier, by the copy's place.
    Earlier,
}

/// A column, and what becomes of it in a copy.
type Column = (&'static str, Change);

/// The tables of an application's rows, with the column that names it.
const TABLES: &[(&str, &str, &[Column])] = &[
    (
        "applications_application",
        "id",
        &[
            ("id", Change::Application),
            ("user_id", Change::Citizen),
            ("created_at", Change::Earlier),
            ("submitted_at", Change::Earlier),
            ("status_changed_at", Change::Earlier),
            ("flow_changed_at", Change::Earlier),
            ("updated_at", Change::Earlier),
        ],
    ),
    (
        "applications_history",
        "application_id",
        &[
            ("id", Change::Fresh),
            ("application_id", Change::Application),
            ("at", Change::Earlier),
        ],
    ),
    (
        "applications_payment_item",
        "application_id",
        &[
            ("application_id", Change::Application),
            ("created_at", Change::Earlier),
            ("updated_at", Change::Earlier),
        ],
    ),
    (
        "applications_act",
        "application_id",
        &[
            ("id", Change::Fresh),
            ("application_id", Change::Application),
            ("created_at", Change::Earlier),
        ],
    ),
    (
        "applications_message",
        "application_id",
        &[
            ("id", Change::Fresh),
            ("application_id", Change::Application),
            ("created_at", Change::Earlier),
        ],
    ),
    (
        "applications_file",
        "application_id",
        &[
            ("id", Change::Fresh),
            ("application_id", Change::Application),
            ("created_at", Change::Earlier),
        ],
    ),
];

/// The number-th id of a kind, which is eight hexadecimal digits.
fn id(kind: &str, number: &str, sqlite: bool) -> String {
    if sqlite {
        format!("unhex(printf('{kind}000070008000%012x', {number}))")
    } else {
        format!("('{kind}-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid")
    }
}

impl Change {
    fn expression(self, column: &str, sqlite: bool) -> String {
        match self {
            Self::Application => "copy.id".to_owned(),
            Self::Fresh if sqlite => "randomblob(16)".to_owned(),
            Self::Fresh => "gen_random_uuid()".to_owned(),
            Self::Citizen => format!(
                "CASE WHEN copy.n % 100 = 0 THEN original.{column} ELSE {} END",
                id("c1712e00", "copy.n / 20", sqlite)
            ),
            Self::Earlier if sqlite => format!("original.{column} - copy.n * {APART}000000"),
            Self::Earlier => format!("original.{column} - copy.n * interval '{APART} seconds'"),
        }
    }
}

/// Sends the few applications that are copied: three wait for a payment, one is being worked by the operator.
pub async fn originals(platform: &Platform) {
    let (citizen, operator) = (
        platform.client().login(demo::CITIZEN).await,
        platform.client().login("operatore").await,
    );
    let mut data = example("occupazione-suolo-pubblico");
    let mut waiting = Vec::new();
    for _ in 0..3 {
        data["site_plan"] = json!([citizen.upload("planimetria.pdf", PDF).await]);
        let paid = json!({"service": demo::PUBLIC_GROUND, "data": data});
        let sent = citizen
            .post("/lang/api/applications", &paid)
            .await
            .expect(201);
        waiting.push(sent["id"].as_str().unwrap().to_owned());
    }
    let report = json!({"service": demo::REPORT, "data": example("segnalazione-disservizio")});
    let somebody = platform.client().anonymous().await;
    let sent = somebody
        .post("/lang/api/applications", &report)
        .await
        .expect(201);
    let report = format!("/lang/api/applications/{}", sent["id"].as_str().unwrap());
    until("the report to be taken in", || async {
        (operator.get(&report).await.json()["status"] == "2000").then_some(())
    })
    .await;
    operator
        .post(&format!("{report}/transition/assign"), &json!([]))
        .await
        .expect(204);
    for id in waiting {
        until("the payment", || async {
            let payments = citizen
                .get(&format!("/lang/api/payments?remote_id={id}"))
                .await;
            (payments.json()[0]["status"] == "PAYMENT_PENDING").then_some(())
        })
        .await;
    }
}

/// Adds so many copies of the applications that are there. The platform must not run on SQLite, whose one
/// writer this takes for a while.
pub fn multiply(platform: &Platform, many: u32) {
    let mut database = platform.database();
    let sqlite = matches!(database, Database::Sqlite(_));
    let numbers = if sqlite {
        database.run("PRAGMA synchronous = OFF");
        format!("number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {many})")
    } else {
        format!("number AS (SELECT generate_series(1, {many}) AS n)")
    };
    database.run(&format!(
        "CREATE TEMP TABLE copy AS WITH RECURSIVE {numbers} \
         SELECT n, {} AS id, original.id AS original FROM number JOIN ( \
             SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS originals \
             FROM applications_application \
         ) original ON original.place = n % original.originals + 1; \
         CREATE INDEX copy_original ON copy (original); BEGIN",
        id("a9911000", "n", sqlite)
    ));
    for (table, application, changes) in TABLES {
        let columns = database.columns(table);
        let values: Vec<String> = columns
            .iter()
            .map(|column| {
                let change = changes.iter().find(|(changed, _)| changed == column);
                change.map_or_else(
                    || format!("original.{column}"),
                    |(_, change)| change.expression(column, sqlite),
                )
            })
            .collect();
        database.run(&format!(
            "INSERT INTO {table} ({}) SELECT {} \
             FROM copy JOIN {table} original ON original.{application} = copy.original",
            columns.join(", "),
            values.join(", ")
        ));
    }
    database.run("COMMIT; DROP TABLE copy");
    if !sqlite {
        for (table, _, _) in TABLES {
            database.run(&format!("VACUUM ANALYZE {table}"));
        }
    }
}
