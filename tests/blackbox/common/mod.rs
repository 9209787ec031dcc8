//! Starts the platform as a user would, and speaks to it as clients do.

#[path = "../../../modules/kernel/tests/support/broker.rs"]
mod broker;
mod client;
mod commits;
mod database;
mod part;
mod platform;
pub mod router;
pub mod split;
pub mod volume;

pub use broker::{Broker, free_port};
pub use client::{Answer, Client};
pub use commits::Commits;
pub use database::Database;
pub use part::{Running, serve};
pub use platform::{Options, Platform, Store, binary, new_database};

use std::time::Duration;

/// The demo's ids, as `config/demo.toml` lists them.
pub mod demo {
    pub const PASSWORD: &str = "opencity-demo";
    pub const PUBLIC_GROUND: &str = "b21c4429-95e4-45d5-930f-44eb74136625";
    pub const NURSERY: &str = "b21c4429-95e4-45d5-930f-44eb74136626";
    pub const REPORT: &str = "b21c4429-95e4-45d5-930f-44eb74136627";
    pub const CITIZEN: &str = "RSSMRA80A01H501U";
    pub const OTHER_CITIZEN: &str = "VRDGLI92M54F205A";
}

/// A small valid PDF, as a citizen attaches one.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// An example submission of a demo form.
pub fn example(form: &str) -> serde_json::Value {
    let path = format!(
        "{}/examples/forms/{form}.submission.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let whole: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    whole.get("data").cloned().unwrap_or(whole)
}

/// Waits until `look` finds something; a test that waits longer than a minute has failed.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < patience, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
