//! Tenants never see each other: every operation of the API description is walked with the token of
//! another tenant and with none, and every statement that the database executes names its tenant.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::common::{Client, Options, Platform, Store};
use crate::main_job;

/// An operation of the API description.
struct Operation {
    method: Method,
    path: String,
    secured: bool,
}

/// All operations, with ids that exist nowhere.
fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else {
                continue;
            };
            let secured = operation["security"].as_array().is_some_and(|all| {
                !all.is_empty()
                    && all
                        .iter()
                        .all(|one| one.as_object().is_some_and(|one| !one.is_empty()))
            });
            let mut concrete = String::new();
            for segment in path.split('/').skip(1) {
                concrete.push('/');
                match segment {
                    "{connector}" => concrete.push_str("sandbox"),
                    "{locale}" => concrete.push_str("it"),
                    _ if segment.contains('{') => {
                        concrete.push_str("5f2f0f5e-0000-4000-8000-00000000dead")
                    }
                    _ => concrete.push_str(segment),
                }
            }
            operations.push(Operation {
                method,
                path: concrete,
                secured,
            });
        }
    }
    operations
}

async fn ask(client: &Client, operation: &Operation) -> (u16, String) {
    let body = (operation.method != Method::GET && operation.method != Method::DELETE)
        .then(|| b"{}".to_vec());
    let answer = client
        .send(
            operation.method.clone(),
            &operation.path,
            &[("content-type", "application/json")],
            body,
        )
        .await
        .unwrap();
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn tenants_are_walked_by_every_operation() {
    let platform = Platform::start(Store::Sqlite).await;
    platform.command(&[
        "tenant",
        "create",
        "--slug",
        "altro-comune",
        "--name",
        "Altro Comune",
        "--host",
        "altro.example.org",
    ]);
    platform.command_with_input(
        &[
            "user",
            "create",
            "--tenant",
            "altro-comune",
            "--kind",
            "admin",
            "--username",
            "altra",
            "--given-name",
            "Al",
            "--family-name",
            "Tra",
        ],
        "una lunga parola d'ordine\n",
    );
    let nobody = platform.client();
    let login = nobody
        .send(
            Method::POST,
            "/altro-comune/api/auth",
            &[
                ("content-type", "application/json"),
                ("host", "unknown.example.org"),
            ],
            Some(br#"{"username": "altra", "password": "una lunga parola d'ordine"}"#.to_vec()),
        )
        .await
        .unwrap()
        .expect(200);
    let stranger = nobody.with_token(login["token"].as_str().unwrap());
    let document = nobody.get("/openapi.json").await.expect(200);
    let all = operations(&document);
    assert!(all.len() > 100, "{} operations", all.len());
    let mut wrong = Vec::new();
    for operation in &all {
        let (status, code) = ask(&nobody, operation).await;
        // Public on purpose: whatever it answers, it is no failure of ours. Else a token is asked for.
        if (operation.secured && status != 401) || status >= 500 {
            wrong.push(format!(
                "without a token: {} {} gives {status} {code}",
                operation.method, operation.path
            ));
        }
        let of_a_tenant = operation.path.starts_with("/lang/");
        let (status, code) = ask(&stranger, operation).await;
        let refused = code == "tenant-mismatch" || matches!(status, 401 | 403 | 404);
        let expected = if operation.secured && of_a_tenant {
            code == "tenant-mismatch"
        } else {
            !operation.secured || refused || status < 500
        };
        if !expected || status >= 500 {
            wrong.push(format!(
                "with another tenant's token: {} {} gives {status} {code}",
                operation.method, operation.path
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Statements that ask across tenants, by the table that each begins at: due work of tasks, public
/// links, keys of the installation. Each stands with its reason in `read_across` or `write_across`.
const ACROSS: &[&str] = &[
    "identity_signing_key",
    "applications_bulk",
    "applications_file",
    "notifications_delivery",
    "payment_proxy_debt",
    "payments_import",
    "retry_entry",
    "retry_dead_letter",
    "tenants_tenant",
    "webhooks_delivery",
    "webhooks_webhook",
];

#[tokio::test]
async fn tenants_are_named_by_every_statement() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("statements");
    let mut platform = Platform::start_with(Store::Sqlite, Options::default()).await;
    platform.terminate();
    platform
        .run(&[("OPENCITY_STATEMENT_LOG", log.to_string_lossy().into_owned())])
        .await;
    main_job::run(&platform).await;
    let text = std::fs::read_to_string(&log).unwrap();
    let statements: BTreeSet<&str> = text.lines().collect();
    assert!(statements.len() > 100, "{} statements", statements.len());
    let without: Vec<&&str> = statements
        .iter()
        .filter(|statement| statement.contains('`'))
        // The kernel's own tables of the log and its leases have no tenant to ask for.
        .filter(|statement| !statement.contains("`kernel_"))
        .filter(|statement| !statement.contains("`tenant_id`"))
        .filter(|statement| {
            !ACROSS
                .iter()
                .any(|table| statement.contains(&format!("`{table}`")))
        })
        .collect();
    assert!(without.is_empty(), "{without:#?}");
}
