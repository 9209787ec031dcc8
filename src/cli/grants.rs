//! SQL for a PostgreSQL role of each module: its own tables, the log and the kernel's, no others.

use std::collections::BTreeSet;

use opencity_kernel::module::StartError;

use super::say;
use crate::server::Composition;

/// The longest name of a role (PostgreSQL cuts longer ones).
const LONGEST: usize = 63;

/// Prints the statements for the tables that the database has now. Run again after a migration, they add what is new.
pub async fn print(composition: &Composition, prefix: &str) -> Result<(), StartError> {
    if !composition.platform.database.is_postgres() {
        return Err(StartError(
            "roles are PostgreSQL's; name such a database with --database-url".to_owned(),
        ));
    }
    let tables: BTreeSet<String> = composition
        .platform
        .database
        .logical_schema()
        .await?
        .iter()
        .filter_map(|line| line.split_once('.').map(|(table, _)| table.to_owned()))
        .collect();
    for module in &composition.modules {
        let name = module.info().name.replace('-', "_");
        statements(&role(prefix, &name)?, &name, &tables)
            .iter()
            .try_for_each(|statement| say(statement))?;
    }
    Ok(())
}

fn role(prefix: &str, module: &str) -> Result<String, StartError> {
    let role = format!("{prefix}{module}");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if role.len() <= LONGEST && role.chars().all(plain) && !role.starts_with(char::is_numeric) {
        Ok(role)
    } else {
        Err(StartError(format!(
            "--grant takes lower-case letters, digits and _, not a digit first, at most {LONGEST} with the module's name"
        )))
    }
}

fn statements(role: &str, module: &str, tables: &BTreeSet<String>) -> Vec<String> {
    let own = format!("{module}_");
    let writes: Vec<&str> = tables
        .iter()
        .map(String::as_str)
        .filter(|table| table.starts_with(&own) || table.starts_with("kernel_"))
        // Migrations are the owner's.
        .filter(|table| *table != "kernel_migration")
        .collect();
    vec![
        // A password, or another way in, is for the administrator of the database to give.
        format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        ),
        format!("GRANT USAGE ON SCHEMA public TO {role};"),
        format!("GRANT SELECT ON kernel_migration TO {role};"),
        format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {role};",
            writes.join(", ")
        ),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_role_gets_the_tables_of_its_module_and_the_kernels() {
        let tables = [
            "kernel_event",
            "kernel_migration",
            "payments_item",
            "payment_proxy_debt",
        ];
        let tables = tables.iter().map(|table| (*table).to_owned()).collect();
        let granted = statements("city_payments", "payments", &tables).join("\n");
        assert!(granted.contains("DELETE ON kernel_event, payments_item TO city_payments;"));
        assert!(!granted.contains("payment_proxy_debt"), "{granted}");
    }

    #[test]
    fn a_prefix_that_needs_quotes_is_refused() {
        assert!(role("opencity_", "payments").is_ok());
        for prefix in ["Open-", "x\"; DROP ROLE y; --", "1_"] {
            assert!(role(prefix, "payments").is_err(), "{prefix}");
        }
        assert!(role(&"x".repeat(60), "payments").is_err());
    }
}
