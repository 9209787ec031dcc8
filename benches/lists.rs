//! Reading 200,000 applications, on SQLite and, where `OPENCITY_TEST_DATABASE_URL` names a server, on PostgreSQL: pages of the
//! list, single applications, the export. docs/performance.md says what the figures mean.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::bare::{self, Statement};
use support::common::{Client, Database, Platform, Store, demo, volume};
use support::wire::Wire;
use support::{Measured, load, memory, tell, tell_where};
use uuid::Uuid;

/// Applications that are listed.
const MANY: u32 = if cfg!(debug_assertions) {
    5_000
} else {
    200_000
};

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 15 });

/// Pages of the list that are asked for in turn, spread over its first half.
const PAGES: i64 = 16;

/// Applications that are read in turn.
const SINGLE: usize = 5_000;

/// A page of the list, and the applications on it.
struct Page {
    path: String,
    /// Where it begins: after the application made at this time, with this id.
    after: (String, Uuid),
    ids: Vec<Uuid>,
}

/// The operator of the demo, as the database knows him.
struct Operator {
    tenant: Uuid,
    id: Uuid,
    office: Uuid,
}

/// The statements that the platform runs for a request (tests/blackbox/many_applications.rs reads them in its log), to be run
/// without it.
struct Bare {
    operator: Operator,
    sqlite: bool,
}

impl Bare {
    fn of_tenant(&self, table: &str) -> Statement {
        Statement::default()
            .sql(&format!("SELECT * FROM {table} WHERE tenant_id = "))
            .id(self.operator.tenant)
    }

    fn of_ids(&self, table: &str, column: &str, ids: &[Uuid], order: &str) -> Statement {
        let mut statement = self.of_tenant(table).sql(&format!(" AND {column} IN ("));
        for (place, id) in ids.iter().enumerate() {
            statement = statement.sql(if place == 0 { "" } else { ", " }).id(*id);
        }
        statement.sql(&format!(") {order}"))
    }

    /// What the operator sees: his services, what he is assigned, what his office is assigned. Drafts are not listed.
    fn seen(&self, statement: Statement) -> Statement {
        let mut statement = statement.sql(" AND (service_id IN (");
        for (place, service) in [demo::PUBLIC_GROUND, demo::NURSERY, demo::REPORT]
            .iter()
            .enumerate()
        {
            statement = statement
                .sql(if place == 0 { "" } else { ", " })
                .id(service.parse().unwrap());
        }
        statement
            .sql(") OR (operator_id IS NOT NULL AND operator_id = ")
            .id(self.operator.id)
            .sql(") OR (office_id IS NOT NULL AND office_id IN (")
            .id(self.operator.office)
            .sql("))) AND status <> 1000")
    }

    fn around(&self, ids: &[Uuid]) -> Vec<Statement> {
        let services = [demo::PUBLIC_GROUND, demo::REPORT].map(|id| id.parse().unwrap());
        vec![
            self.of_ids(
                "applications_service",
                "id",
                &services[..ids.len().min(2)],
                "",
            ),
            self.of_ids(
                "applications_act",
                "application_id",
                ids,
                "ORDER BY created_at, id",
            ),
            self.of_ids(
                "applications_payment_item",
                "application_id",
                ids,
                "ORDER BY attempt, item",
            ),
            self.of_ids("applications_file", "application_id", ids, ""),
        ]
    }

    /// What the operator may do: asked before each request.
    fn rights(&self) -> Statement {
        self.of_ids("kernel_principal", "id", &[self.operator.id], "")
    }

    fn page(&self, page: &Page) -> Vec<Statement> {
        let count = Statement::default()
            .sql("SELECT COUNT(*) FROM applications_application WHERE tenant_id = ")
            .id(self.operator.tenant);
        let (at, id) = &page.after;
        let at = if self.sqlite {
            at.clone()
        } else {
            format!("'{at}'::timestamptz")
        };
        let rows = self
            .seen(self.of_tenant("applications_application"))
            .sql(&format!(
                " AND created_at >= {at} AND (created_at > {at} OR id > "
            ))
            .id(*id)
            .sql(") ORDER BY created_at, id LIMIT 101");
        let mut statements = vec![
            self.rights(),
            self.of_ids(
                "applications_service_office",
                "office_id",
                &[self.operator.office],
                "",
            ),
            self.seen(count),
            rows,
        ];
        statements.extend(self.around(&page.ids));
        statements
    }

    fn single(&self, id: Uuid) -> Vec<Statement> {
        let mut statements = vec![
            self.rights(),
            self.of_ids("applications_application", "id", &[id], ""),
        ];
        statements.extend(self.around(&[id]));
        statements
    }
}

/// An id as text, however the database keeps it.
fn text_of(column: &str, sqlite: bool) -> String {
    if sqlite {
        format!("lower(hex({column}))")
    } else {
        format!("{column}::text")
    }
}

fn uuids(database: &mut Database, column: &str, of: &str) -> Vec<Uuid> {
    let text = text_of(column, matches!(database, Database::Sqlite(_)));
    let lines = database.lines(&format!("SELECT {text} {of}"));
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

/// Pages spread over the list.
async fn pages(client: &Client, database: &mut Database) -> Vec<Page> {
    let sqlite = matches!(database, Database::Sqlite(_));
    let list = "/lang/api/applications?limit=100";
    let step = (i64::from(MANY) / 2).min(100_000) / PAGES;
    let mut pages = Vec::new();
    for place in 0..PAGES {
        let before = client
            .get(&format!("{list}&offset={}", place * step))
            .await
            .expect(200);
        let last: Uuid = before["data"][99]["id"].as_str().unwrap().parse().unwrap();
        let path = before["links"]["next"].as_str().unwrap().to_owned();
        let page = client.get(&path).await.expect(200);
        let found = page["data"].as_array().unwrap().iter();
        let id = if sqlite {
            format!("X'{}'", last.simple())
        } else {
            format!("'{last}'")
        };
        let at = if sqlite {
            "CAST(created_at AS TEXT)"
        } else {
            "created_at::text"
        };
        let at = database.lines(&format!(
            "SELECT {at} FROM applications_application WHERE id = {id}"
        ));
        pages.push(Page {
            path,
            after: (at[0].clone(), last),
            ids: found
                .map(|one| one["id"].as_str().unwrap().parse().unwrap())
                .collect(),
        });
    }
    pages
}

fn compare(what: &str, served: &Measured, alone: &Measured) {
    tell(
        &format!("{what} over HTTP, 32 connections"),
        served.told(),
        "",
    );
    tell(
        &format!("{what}, its statements bare, 32 connections"),
        alone.told(),
        "",
    );
    tell(
        &format!("{what}, over bare"),
        format!("{:.2}", served.per_second() / alone.per_second()),
        ">= 0.50",
    );
}

async fn reading(platform: &Platform) {
    let mut database = platform.database();
    let sqlite = matches!(database, Database::Sqlite(_));
    let client = platform.client().login("operatore").await;
    let principals = "FROM kernel_principal WHERE email = 'operatore@comune.bugliano.example'";
    let bare = Bare {
        operator: Operator {
            tenant: uuids(&mut database, "tenant_id", principals)[0],
            id: uuids(&mut database, "id", principals)[0],
            office: uuids(&mut database, "id", "FROM kernel_office")[0],
        },
        sqlite,
    };
    let pages = pages(&client, &mut database).await;
    let ids =
        format!("FROM applications_application WHERE status <> 1000 ORDER BY id LIMIT {SINGLE}");
    let ids = uuids(&mut database, "id", &ids);

    let paths = pages.iter().map(|page| page.path.clone()).collect();
    let served = asked(platform, &client, paths).await;
    let alone = bare::readers(
        || platform.database(),
        SPAN,
        |number| bare.page(&pages[number % pages.len()]),
    );
    compare("a page of 100", &served, &alone);

    let path = |id: &Uuid| format!("/lang/api/applications/{id}");
    let served = asked(platform, &client, ids.iter().map(path).collect()).await;
    let alone = bare::readers(
        || platform.database(),
        SPAN,
        |number| bare.single(ids[number % ids.len()]),
    );
    compare("a single application", &served, &alone);

    let empty = asked(platform, &client, vec!["/lang/api/v1.0/status".to_owned()]).await;
    tell(
        "an answer without a database, 32 connections",
        empty.told(),
        "",
    );
}

/// These paths asked for in turn, on all connections.
async fn asked(platform: &Platform, client: &Client, paths: Vec<String>) -> Measured {
    let (wire, paths) = (Arc::new(Wire::new(platform, client)), Arc::new(paths));
    load(usize::MAX, SPAN, move |number| {
        let (wire, paths) = (Arc::clone(&wire), Arc::clone(&paths));
        async move {
            wire.ask("GET", &paths[number % paths.len()], "", 200).await;
        }
    })
    .await
}

/// An export, in a process that has done nothing else. A table has the applications of one service: those of the public ground,
/// three in four.
async fn export(platform: &mut Platform, format: &str) {
    platform.terminate();
    platform.run(&[]).await;
    let client = platform.client().login("operatore").await;
    let which = match format {
        "ndjson" => String::new(),
        _ => format!("&service_id={}", demo::PUBLIC_GROUND),
    };
    let count = client
        .get(&format!("/lang/api/applications?limit=1{which}"))
        .await
        .expect(200)["meta"]["count"]
        .as_u64()
        .unwrap();
    let before = memory(platform.pid(), "VmHWM");
    let path = format!(
        "{}/lang/api/applications/export?format={format}{which}",
        platform.url
    );
    let begun = Instant::now();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answer = http
        .get(path)
        .bearer_auth(client.token())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "the export as {format} is refused");
    let mut bytes = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes += chunk.len();
    }
    let time = begun.elapsed().as_secs_f64();
    tell(
        &format!("export of {count} applications as {format}"),
        format!(
            "{:.0} rows/s, {:.1} s, {:.0} MB; memory at most {:.0} MiB, before it {before:.0} MiB",
            count as f64 / time,
            time,
            bytes as f64 / 1e6,
            memory(platform.pid(), "VmHWM"),
        ),
        "",
    );
}

async fn lists(store: Store) {
    println!("\n{store:?}, {MANY} applications");
    let mut platform = Platform::start(store).await;
    volume::originals(&platform).await;
    platform.terminate();
    volume::multiply(&platform, MANY);
    platform.run(&[]).await;
    reading(&platform).await;
    for format in ["ndjson", "csv", "xlsx"] {
        export(&mut platform, format).await;
    }
}

#[tokio::main]
async fn main() {
    tell_where();
    lists(Store::Sqlite).await;
    if std::env::var("OPENCITY_TEST_DATABASE_URL").is_ok() {
        lists(Store::Postgres).await;
    } else {
        println!("\nPostgreSQL: skipped, OPENCITY_TEST_DATABASE_URL names no server");
    }
}
