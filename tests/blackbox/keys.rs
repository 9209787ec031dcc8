//! The keys of an installation, by the command line.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::common::{Client, Platform, Store};

/// The id of the key that signed the client's token.
fn signed_by(client: &Client) -> String {
    let head = client.token().split('.').next().unwrap();
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_rotated_key_signs_new_tokens_and_the_former_tokens_stay_good() {
    let mut platform = Platform::start(Store::Sqlite).await;
    let before = platform.client().login("admin").await;
    let made = platform.command(&["key", "rotate"]);
    platform.terminate();
    platform.run(&[]).await;
    let after = platform.client().login("admin").await;
    assert_eq!(signed_by(&after), made.trim());
    assert_ne!(signed_by(&before), signed_by(&after));
    for client in [before, after] {
        client.get("/lang/api/users").await.expect(200);
    }
}
