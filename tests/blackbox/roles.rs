//! A role of the database for each module, as deploy/postgres makes them.

use std::process::{Command, Output};

use crate::common::{new_database, serve};

fn psql(database: &str, sql: &str) -> Output {
    Command::new("psql")
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-Atc", sql, database])
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_module_works_with_a_role_that_reaches_its_own_tables_only() {
    let database = new_database();
    let folder = tempfile::tempdir().unwrap();
    // Roles are those of the whole server: this test has its own.
    let group = format!("group_{}", uuid::Uuid::new_v4().simple());
    let role = |module: &str| format!("{group}_{module}");
    let connect = |role: &str| database.replace("//opencity@", &format!("//{role}@"));
    let shared = include_str!("../../deploy/postgres/shared.sql")
        .replace("ROLE opencity ", &format!("ROLE {group} "))
        .replace(" TO opencity;", &format!(" TO {group};"))
        .replace("OWNER TO opencity", &format!("OWNER TO {group}"));
    let roles: String = ["catalogue", "jobs"]
        .map(|module| format!("CREATE ROLE {} LOGIN IN ROLE {group};", role(module)))
        .concat();
    let made = psql(&connect("postgres"), &format!("{shared}{roles}"));
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let (catalogue, jobs) = (connect(&role("catalogue")), connect(&role("jobs")));
    let _catalogue = serve("tenants,identity,services", &catalogue, folder.path()).await;
    let _jobs = serve("jobs", &jobs, folder.path()).await;

    for (who, table, reached) in [
        (&catalogue, "tenants_tenant", true),
        (&catalogue, "kernel_event", true),
        (&catalogue, "jobs_job", false),
        (&jobs, "jobs_job", true),
        (&jobs, "kernel_event", true),
        (&jobs, "tenants_tenant", false),
        (&jobs, "identity_user", false),
    ] {
        let answer = psql(who, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(answer.status.success(), reached, "{who} {table}");
        let refusal = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(
            reached || refusal.contains("permission denied"),
            "{refusal}"
        );
    }
}
