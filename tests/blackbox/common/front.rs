//! The web router in front of a split installation, as small as a test needs it: one upstream for each module, chosen
//! by the path. A real router with the same table can take its place.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The port of each module.
pub type Upstreams = BTreeMap<&'static str, u16>;

/// Listens until it is dropped.
pub struct Front(JoinHandle<()>);

impl Front {
    pub fn start(listener: std::net::TcpListener, upstreams: Upstreams) -> Self {
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let upstreams = Arc::new(upstreams);
        Self(tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    continue;
                };
                let upstreams = Arc::clone(&upstreams);
                tokio::spawn(async move {
                    // Whoever hangs up in the middle is not waited for.
                    let _ = pass(client, &upstreams).await;
                });
            }
        }))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The module that a path belongs to; `None` for what every process answers.
pub fn module_of(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["payment-proxy", ..] => Some("payment-proxy"),
        ["protocol-proxy", ..] => Some("protocol-proxy"),
        ["retry", ..] => Some("retry"),
        [".well-known", "jwks.json"] | ["lang", "auth", ..] => Some("identity"),
        ["lang", _, "upload" | "pratiche", ..] => Some("applications"),
        [_, "api", rest @ ..] => match rest {
            ["auth" | "session-auth" | "users" | "user-groups", ..] => Some("identity"),
            ["tenants", ..] => Some("tenants"),
            [
                "services" | "services-groups" | "categories" | "recipients" | "geographic-areas"
                | "places" | "forms" | "form",
                ..,
            ] => Some("services"),
            ["applications", ..] | ["v2" | "status", "applications", ..] | ["v1.0", "user", ..] => {
                Some("applications")
            }
            ["payments", ..] => Some("payments"),
            ["documents" | "folders", ..] => Some("documents"),
            ["webhooks", ..] => Some("webhooks"),
            ["notifications", ..] => Some("notifications"),
            ["jobs", ..] => Some("jobs"),
            _ => None,
        },
        _ => None,
    }
}

/// Passes one request, and its answer.
async fn pass(mut client: TcpStream, upstreams: &Upstreams) -> io::Result<()> {
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 2;
        }
        if client.read_buf(&mut read).await? == 0 || read.len() > 65_536 {
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).into_owned();
    let (first, headers) = text.split_once("\r\n").unwrap_or((&text, ""));
    let path = first.split(' ').nth(1).unwrap_or_default();
    let port = module_of(path).and_then(|module| upstreams.get(module));
    let port = port.or_else(|| upstreams.values().next()).copied();
    let Ok(mut upstream) = TcpStream::connect(("127.0.0.1", port.unwrap_or_default())).await else {
        let answer = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(answer.as_bytes()).await;
    };
    // The next request of the client may be another module's: it comes by another connection.
    let mut passed = format!("{first}\r\nConnection: close\r\n");
    for header in headers.split_inclusive("\r\n") {
        if !header.to_ascii_lowercase().starts_with("connection:") {
            passed.push_str(header);
        }
    }
    upstream.write_all(passed.as_bytes()).await?;
    upstream.write_all(&read[head..]).await?;
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}
