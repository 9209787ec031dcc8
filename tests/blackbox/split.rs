//! Each module as a process of its own: what is different from one process, and that nothing is for its users.

use opencity_kernel::auth::{AuthSettings, ServiceKey, Verifier};
use opencity_kernel::id::{Id, TenantId};
use serde_json::json;

use crate::common::split::{MODULES, SERVICE_KEY, own_database, role_url, service_keys, sql};
use crate::common::{Client, Options, Platform, Store, demo};
use crate::main_job;

#[tokio::test]
async fn the_main_job_in_twelve_processes_on_one_postgres_database() {
    let platform = Platform::start_split(Options::default(), 1).await;
    no_module_reaches_the_tables_of_another(&platform);
    main_job::main_job(platform).await;
}

#[tokio::test]
async fn the_main_job_in_twelve_processes_with_databases_of_their_own_joined_by_kafka() {
    let platform = Platform::start_joined(Options::default()).await;
    no_module_opens_the_database_of_another(&platform);
    main_job::main_job(platform).await;
}

fn no_module_opens_the_database_of_another(platform: &Platform) {
    let owner = platform.database_url();
    for (module, other) in MODULES.iter().zip(MODULES.iter().cycle().skip(1)) {
        let own = own_database(owner, module);
        let (opens, said) = sql(&own, "SELECT COUNT(*) FROM kernel_event;");
        assert!(opens, "{module}: {said}");
        let foreign = own_database(owner, other);
        let (place, _) = own.rsplit_once('/').unwrap();
        let (_, name) = foreign.rsplit_once('/').unwrap();
        let (opens, said) = sql(&format!("{place}/{name}"), "SELECT 1;");
        assert!(
            !opens && said.contains("permission denied for database"),
            "{module}: {said}"
        );
    }
}

fn no_module_reaches_the_tables_of_another(platform: &Platform) {
    let owner = platform.database_url();
    for module in MODULES {
        let url = role_url(owner, module);
        let (reads, said) = sql(&url, "SELECT COUNT(*) FROM kernel_event;");
        assert!(reads, "{module}: {said}");
        let other = if *module == "payments" {
            "applications_application"
        } else {
            "payments_payment"
        };
        let (reads, said) = sql(&url, &format!("SELECT COUNT(*) FROM {other};"));
        assert!(
            !reads && said.contains("permission denied"),
            "{module}: {said}"
        );
        let (makes, said) = sql(&url, "CREATE TABLE stray (id INTEGER);");
        assert!(
            !makes && said.contains("permission denied"),
            "{module}: {said}"
        );
    }
}

/// A token that a process with this key makes.
fn token(key: &str, to: &str, tenant: &str) -> String {
    let settings = AuthSettings {
        issuer: "opencity".to_owned(),
        token_life_seconds: 3600,
        jwks_url: String::new(),
        service_keys: vec![ServiceKey {
            id: "test".to_owned(),
            key: key.to_owned().into(),
        }],
    };
    let tenant: TenantId = Id::from_uuid(tenant.parse().unwrap());
    Verifier::new(&settings)
        .service_token("protocol-proxy", to, tenant)
        .unwrap()
}

#[tokio::test]
async fn tokens_of_modules_open_files_of_their_tenant_and_nothing_for_people() {
    let options = Options::default().set("AUTH__SERVICE_KEYS", service_keys());
    let platform = Platform::start_with(Store::Sqlite, options).await;
    let client = platform.client();
    let citizen = client.login(demo::CITIZEN).await;
    let upload = citizen.upload("planimetria.pdf", main_job::PDF).await;
    let id = upload["data"]["id"].as_str().unwrap();
    let path = format!("/internal/files/applications/{id}");
    let tenant = claim(&citizen, "tenant_id");

    let module = client.with_token(&token(SERVICE_KEY, "applications", &tenant));
    let file = module.get(&path).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.bytes, main_job::PDF);

    let other_tenant = uuid::Uuid::new_v4().to_string();
    let stranger = client.with_token(&token(SERVICE_KEY, "applications", &other_tenant));
    assert_eq!(stranger.get(&path).await.problem(404), "not-found");
    let misled = client.with_token(&token(SERVICE_KEY, "portal", &tenant));
    assert_eq!(misled.get(&path).await.problem(401), "unauthenticated");
    let forged = client.with_token(&token(
        "a key that nobody has given to anybody here",
        "applications",
        &tenant,
    ));
    assert_eq!(forged.get(&path).await.problem(401), "unauthenticated");
    assert_eq!(client.get(&path).await.problem(401), "unauthenticated");
    assert_eq!(citizen.get(&path).await.problem(403), "forbidden");

    for path in [
        "/lang/api/applications",
        "/lang/api/services",
        "/lang/api/users",
    ] {
        assert_eq!(module.get(path).await.problem(403), "forbidden", "{path}");
    }
    let body = json!({"service": demo::PUBLIC_GROUND, "data": {}});
    let sent = module.post("/lang/api/applications", &body).await;
    assert_eq!(sent.problem(403), "forbidden");
}

/// What the client's token says of him.
pub fn claim(client: &Client, name: &str) -> String {
    use base64::Engine as _;
    let payload = client.token().split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims[name].as_str().unwrap().to_owned()
}
