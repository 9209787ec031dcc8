//! `serve` ends by itself on SIGTERM.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use opencity_sandbox::{Options, serve};

#[tokio::test]
async fn sigterm_stops_it_cleanly() {
    let folder = tempfile::TempDir::new().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let serving = tokio::spawn(serve(Options {
        listen,
        data_dir: folder.path().to_path_buf(),
        public_url: None,
    }));
    // An answer means that the signal is listened to as well: that comes first.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{listen}/_control/counters");
    tokio::time::timeout(Duration::from_secs(20), async {
        while client.get(&url).send().await.is_err() {
            assert!(!serving.is_finished(), "it ended before it answered");
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("an answer in time");

    let sent = std::process::Command::new("kill")
        .args(["-TERM", &std::process::id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    tokio::time::timeout(Duration::from_secs(20), serving)
        .await
        .expect("an end in time")
        .unwrap()
        .expect("a clean stop");
}
