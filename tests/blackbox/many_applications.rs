//! Lists of many applications: pages follow each other, and a page costs the same wherever it is.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Client, Database, Platform, Store, demo, example, volume};
use crate::main_job::apply;

/// A platform with so many copies of a few applications, and the file of the statements that it runs.
struct Crowded {
    platform: Platform,
    /// Who asks for lists, logged in before: a login is an event, which consumers read.
    clients: BTreeMap<&'static str, Client>,
    statements: PathBuf,
    folder: tempfile::TempDir,
}

impl Crowded {
    async fn start(store: Store, many: u32) -> Self {
        let mut platform = Platform::start(store).await;
        volume::originals(&platform).await;
        let mut clients = BTreeMap::new();
        for who in ["operatore", "api", demo::CITIZEN] {
            clients.insert(who, platform.client().login(who).await);
        }
        platform.terminate();
        volume::multiply(&platform, many);
        let folder = tempfile::tempdir().unwrap();
        let statements = folder.path().join("statements");
        let log = statements.to_string_lossy().into_owned();
        platform.run(&[("OPENCITY_STATEMENT_LOG", log)]).await;
        Self {
            platform,
            clients,
            statements,
            folder,
        }
    }

    /// The statements on applications that a request leads to.
    async fn statements(&self, client: &Client, path: &str) -> (Value, Vec<String>) {
        let before = std::fs::metadata(&self.statements).unwrap().len();
        let answer = client.get(path).await.expect(200);
        let log = std::fs::read(&self.statements).unwrap();
        let log = String::from_utf8(log[usize::try_from(before).unwrap()..].to_vec()).unwrap();
        let read = log.lines().filter(|line| {
            line.starts_with("SELECT")
                && line.contains("applications_")
                && !line.contains("kernel_")
                // What tasks look for by the clock.
                && !line.contains("FROM `applications_bulk`")
                && !line.contains("FROM \"applications_bulk\"")
        });
        (answer, read.map(str::to_owned).collect())
    }
}

/// A page in the middle of a list: its address.
async fn in_the_middle(client: &Client, list: &str) -> String {
    let all = client.get(list).await.expect(200)["meta"]["count"]
        .as_i64()
        .unwrap();
    let middle = (all / 2).min(100_000);
    let page = client
        .get(&format!("{list}&offset={middle}"))
        .await
        .expect(200);
    page["links"]["next"].as_str().unwrap_or(list).to_owned()
}

/// A statement of PostgreSQL with its values in it, so that it can be explained as it ran.
fn with_values(statement: &str, tenant: &str) -> String {
    let mut text = String::new();
    let mut rest = statement;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = rest[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit());
        let column = text.rsplit('"').nth(1).unwrap_or_default();
        let ready = text.trim_end();
        let value = if ready.ends_with("LIMIT") {
            "101".to_owned()
        } else if ready.ends_with("OFFSET") {
            "0".to_owned()
        } else {
            let one = match column {
                "status" => "1000".to_owned(),
                "tenant_id" => format!("'{tenant}'::uuid"),
                "service_id" => format!("'{}'::uuid", demo::PUBLIC_GROUND),
                "created_at" | "updated_at" | "submitted_at" => {
                    "now() - interval '30 days'".to_owned()
                }
                "slug" | "identifier" => "'occupazione-suolo-pubblico'".to_owned(),
                // An id that no row has: offices, operators and citizens of somebody else, or acts of nothing.
                _ => "'00000000-0000-4000-8000-000000000000'::uuid".to_owned(),
            };
            if ready.ends_with("ANY(") {
                format!("ARRAY[{one}]")
            } else {
                one
            }
        };
        text.push_str(&value);
    }
    text + rest
}

/// What a database does for a statement, a step a line.
fn plan(database: &mut Database, statement: &str, tenant: &str) -> Vec<String> {
    match database {
        Database::Sqlite(_) => database.lines(&format!("EXPLAIN QUERY PLAN {statement}")),
        Database::Postgres(_) => database.lines(&format!(
            "EXPLAIN (COSTS OFF) {}",
            with_values(statement, tenant)
        )),
    }
}

/// The tables that grow with the applications. Of services there are few: PostgreSQL reads them all, and may.
const GROWING: &[&str] = &[
    "applications_application",
    "applications_act",
    "applications_payment_item",
    "applications_file",
];

/// Fails unless the statement is answered by an index, and a page of applications in the index's own order.
fn must_use_an_index(database: &mut Database, statement: &str, tenant: &str) -> Vec<String> {
    let plan = plan(database, statement, tenant);
    let told = || format!("{statement}\n{}", plan.join("\n"));
    let scans = plan.iter().any(|step| {
        GROWING.iter().any(|table| {
            step.contains(&format!("Seq Scan on {table}"))
                || step.starts_with(&format!("SCAN {table}"))
                // All rows of the tenant, but for the count, and for the list's own index, which is read in its order.
                || step.starts_with(&format!("SEARCH {table} "))
                    && step.ends_with("(tenant_id=?)")
                    && !step.contains("USING COVERING INDEX")
                    && !step.contains("applications_application_listed")
        })
    });
    assert!(!scans, "reads a whole table: {}", told());
    let of_applications = statement.contains("FROM \"applications_application\"")
        || statement.contains("FROM `applications_application`");
    if of_applications {
        let sorts = plan
            .iter()
            .any(|step| step.contains("Sort") || step.contains("TEMP B-TREE"));
        assert!(!sorts, "sorts all that it finds: {}", told());
    }
    plan
}

/// What is asked of the list: who asks, and for what.
const LISTS: &[(&str, &str)] = &[
    ("operatore", ""),
    ("operatore", "&sort=DESC"),
    ("operatore", "&status=1500"),
    (
        "operatore",
        "&service_id=b21c4429-95e4-45d5-930f-44eb74136625",
    ),
    (
        "operatore",
        "&service_id=b21c4429-95e4-45d5-930f-44eb74136625&status=1500",
    ),
    ("operatore", "&updatedAt[after]=2020-01-01"),
    (
        "operatore",
        "&submittedAt[after]=2020-01-01&createdAt[strictly_before]=2100-01-01",
    ),
    ("api", ""),
    ("api", "&status=1500&sort=DESC"),
    (
        "api",
        "&updatedAt[after]=2020-01-01&updatedAt[before]=2100-01-01",
    ),
    (demo::CITIZEN, ""),
    (demo::CITIZEN, "&status=1500"),
];

/// Each list takes the same statements for a short and a long page, at its beginning and in its middle, and each statement
/// an index. PostgreSQL reads a small table whole, whatever indexes it has: `forced` asks whether it could do otherwise.
async fn lists_use_indexes(store: Store, many: u32, forced: bool) {
    let crowded = Crowded::start(store, many).await;
    let mut database = crowded.platform.database();
    if forced && store == Store::Postgres {
        database
            .run("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off");
    }
    let tenant = database.lines(match store {
        Store::Sqlite => "SELECT hex(tenant_id) FROM applications_application LIMIT 1",
        Store::Postgres => "SELECT tenant_id::text FROM applications_application LIMIT 1",
    });
    let tenant = tenant[0].clone();
    for (who, asked) in LISTS {
        let client = &crowded.clients[who];
        let list = format!("/lang/api/applications?limit=100{asked}");
        let short = format!("/lang/api/applications?limit=2{asked}");
        let (page, first) = crowded.statements(client, &list).await;
        assert!(page["data"].as_array().unwrap().len() > 1, "{who} {asked}");
        let (_, few) = crowded.statements(client, &short).await;
        let middle = in_the_middle(client, &list).await;
        let (page, deep) = crowded.statements(client, &middle).await;
        assert!(
            !page["data"].as_array().unwrap().is_empty(),
            "{who} {middle}"
        );
        assert_eq!(
            few.len(),
            first.len(),
            "{who} {asked}: {few:#?}\n{first:#?}"
        );
        assert_eq!(
            deep.len(),
            first.len(),
            "{who} {asked}: {deep:#?}\n{first:#?}"
        );
        assert!(first.len() <= 8, "{who} {asked}: {first:#?}");
        for statement in &first {
            must_use_an_index(&mut database, statement, &tenant);
        }
        for statement in &deep {
            let plan = must_use_an_index(&mut database, statement, &tenant);
            // The index is entered where the page begins.
            if middle.contains("cursor=")
                && statement.contains("ORDER BY")
                && statement.contains("LIMIT")
            {
                let entered = plan.iter().any(|step| {
                    (step.contains("Index Cond") || step.starts_with("SEARCH"))
                        && step.contains("created_at")
                });
                assert!(entered, "{who} {middle}: {statement}\n{}", plan.join("\n"));
            }
        }
    }
    drop(crowded.folder);
}

/// Follows `next` from page to page, while an application arrives between two pages.
async fn pages_follow_each_other(store: Store, sort: &str) {
    let crowded = Crowded::start(store, 600).await;
    let (operator, citizen) = (
        &crowded.clients["operatore"],
        &crowded.clients[demo::CITIZEN],
    );
    let mut next = Some(format!("/lang/api/applications?limit=100&sort={sort}"));
    let (mut seen, mut times, mut there) = (Vec::new(), Vec::new(), None);
    while let Some(path) = next {
        let page = operator.get(&path).await.expect(200);
        there.get_or_insert(page["meta"]["count"].as_u64().unwrap());
        for application in page["data"].as_array().unwrap() {
            seen.push(application["id"].as_str().unwrap().to_owned());
            times.push(application["creation_time"].as_i64().unwrap());
        }
        next = page["links"]["next"].as_str().map(str::to_owned);
        if seen.len() < 600 {
            apply(
                citizen,
                demo::PUBLIC_GROUND,
                example("occupazione-suolo-pubblico"),
            )
            .await;
        }
    }
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!(
        distinct.len(),
        seen.len(),
        "an application stands on two pages"
    );
    assert!(
        seen.len() as u64 >= there.unwrap(),
        "an application is missing"
    );
    let ordered = match sort {
        "ASC" => times.is_sorted(),
        _ => times.is_sorted_by(|one, other| one >= other),
    };
    assert!(ordered, "{times:?}");
    // Upwards, those that have arrived stand at the end.
    if sort == "ASC" {
        assert!(seen.len() as u64 > there.unwrap());
    }
}

#[tokio::test]
async fn pages_follow_each_other_while_applications_arrive_on_sqlite() {
    pages_follow_each_other(Store::Sqlite, "ASC").await;
}

#[tokio::test]
async fn pages_follow_each_other_while_applications_arrive_on_postgres() {
    pages_follow_each_other(Store::Postgres, "DESC").await;
}

#[tokio::test]
async fn every_list_is_read_from_an_index_on_sqlite() {
    lists_use_indexes(Store::Sqlite, 600, true).await;
}

#[tokio::test]
async fn every_list_is_read_from_an_index_on_postgres() {
    lists_use_indexes(Store::Postgres, 600, true).await;
}

#[tokio::test]
#[ignore = "big: part of make test-full"]
async fn every_list_of_200_000_is_read_from_an_index_on_sqlite() {
    lists_use_indexes(Store::Sqlite, 200_000, false).await;
}

#[tokio::test]
#[ignore = "big: part of make test-full"]
async fn every_list_of_200_000_is_read_from_an_index_on_postgres() {
    lists_use_indexes(Store::Postgres, 200_000, false).await;
}
