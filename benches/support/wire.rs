//! HTTP/1.1 with as little work as there can be: client and platform share the cores of the machine, and it is the platform
//! that is measured.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::common::{Client, Platform};

/// Asks a platform in the name of one user, on as many connections as ask at the same time.
pub struct Wire {
    address: String,
    token: String,
    idle: Mutex<Vec<TcpStream>>,
}

impl Wire {
    pub fn new(platform: &Platform, client: &Client) -> Self {
        Self {
            address: platform.url.replace("http://", ""),
            token: client.token().to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Sends a request, and reads its answer to the end; the answer must have this status.
    pub async fn ask(&self, method: &str, path: &str, body: &str, status: u16) {
        let idle = self.idle.lock().unwrap().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = TcpStream::connect(&self.address).await.unwrap();
                connection.set_nodelay(true).unwrap();
                connection
            }
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let answer = read(&mut connection).await;
        assert!(
            answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        self.idle.lock().unwrap().push(connection);
    }
}

/// An answer, whose head says how long its body is.
async fn read(connection: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::with_capacity(16 << 10);
    let mut whole = None;
    while whole.is_none_or(|whole| answer.len() < whole) {
        let read = connection.read_buf(&mut answer).await.unwrap();
        assert!(read > 0, "the connection was closed within an answer");
        whole = whole.or_else(|| length(&answer));
    }
    answer
}

/// Bytes of an answer in all, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let body = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap_or_else(|| panic!("an answer without a length: {text}"));
    Some(head + 4 + body.parse::<usize>().unwrap())
}
