//! Signed files, and the virus scanner: Debian's clamd with one signature of our own.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use opencity_kernel::files::FileError;

use super::*;
use crate::files::Address;

/// What the signature finds, inside of something that begins as a PDF.
const INFECTED: &[u8] = b"%PDF-1.7\nVIRUS-DI-PROVA-DEL-COMUNE";

/// A clamd of this test alone, on a socket in a folder of its own.
struct Clamd {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Clamd {
    /// Prepared, not yet running.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::create_dir(at("signatures")).unwrap();
        let mark = hex::encode(&INFECTED[9..]);
        std::fs::write(at("signatures/ours.ndb"), format!("Prova:0:*:{mark}\n")).unwrap();
        let settings = format!(
            "LocalSocket {}\nDatabaseDirectory {}\nForeground yes\nMaxThreads 2\nTemporaryDirectory {}\n",
            at("clamd.ctl"),
            at("signatures"),
            at("")
        );
        std::fs::write(at("clamd.conf"), settings).unwrap();
        Self {
            folder,
            process: None,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("clamd.ctl")
    }

    fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    /// Starts it and waits until it answers.
    async fn start(&mut self) {
        let process = Command::new("clamd")
            .env("PATH", "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
            .arg("--config-file")
            .arg(self.folder.path().join("clamd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("clamd is installed: scripts/setup test");
        self.process = Some(process);
        let patience = tokio::time::Instant::now() + Duration::from_secs(60);
        while !UnixStream::connect(self.socket())
            .is_ok_and(|mut to| to.write_all(b"zPING\0").is_ok())
        {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "clamd has ended");
            assert!(tokio::time::Instant::now() < patience, "clamd is silent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Announces bytes and sends them; then only the confirmation is missing.
macro_rules! sent {
    ($world:expr, $app:expr, $bytes:expr) => {{
        let token = $world.token($world.citizen);
        let begun = send!(
            $app,
            post("/lang/it/upload", &token, announcement($bytes.len()))
        )
        .json();
        let sent = send!($app, put_bytes(&path_of(&begun["uri"]), "", $bytes));
        assert_eq!(sent.status, 200, "{}", sent.json());
        let id: FileId = begun["id"].as_str().unwrap().parse().unwrap();
        id
    }};
}

fn confirm(world: &World, id: FileId, bytes: &[u8]) -> TestRequest {
    let token = world.token(world.citizen);
    let hash = json!({"file_hash": sha256_hex(bytes)});
    put(&format!("/lang/it/upload/{id}"), &token, hash)
}

fn in_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

async fn an_infected_file_is_refused_and_thrown_away(store: Store) {
    let mut clamd = Clamd::new();
    clamd.start().await;
    let world = World::with(store, |settings| settings.clamd.address = clamd.address()).await;
    let app = app!(world);
    let clean = upload!(world, app, world.citizen);
    assert_eq!(world.bytes_of(clean).await.unwrap(), PDF);

    let id = sent!(world, app, INFECTED);
    let refused = send!(app, confirm(&world, id, INFECTED));
    assert_eq!(refused.told(), (422, "file-infected".to_owned()));
    assert_eq!(
        refused.fields(),
        [("file".to_owned(), "infected".to_owned())]
    );
    let gone = send!(app, confirm(&world, id, INFECTED));
    assert_eq!(gone.told(), (404, "not-found".to_owned()));
    assert!(matches!(world.bytes_of(id).await, Err(FileError::NotFound)));
    assert_eq!(world.stored_files(), 1, "only the clean one");

    let application = world.application(Status::Pending);
    let body = json!({"message": "ciao", "attachments": [
        {"name": "a.pdf", "file": in_base64(PDF)}, {"name": "b.pdf", "file": in_base64(INFECTED)}]});
    let messages = format!("/lang/api/applications/{application}/messages");
    let refused = send!(app, post(&messages, &world.token(world.citizen), body));
    assert_eq!(refused.told(), (422, "file-infected".to_owned()));
    assert_eq!(
        refused.fields(),
        [("attachments.1.file".to_owned(), "infected".to_owned())]
    );
    assert_eq!(world.stored_files(), 1, "nothing of the message is kept");
    assert!(world.events(&[Topic::Messages]).await.is_empty());
}

async fn while_the_scanner_is_away_nothing_is_taken_and_nothing_is_lost(store: Store) {
    let mut clamd = Clamd::new();
    let world = World::with(store, |settings| settings.clamd.address = clamd.address()).await;
    let app = app!(world);
    let id = sent!(world, app, PDF);
    let application = world.application(Status::Pending);
    let messages = format!("/lang/api/applications/{application}/messages");
    let body =
        json!({"message": "ciao", "attachments": [{"name": "a.pdf", "file": in_base64(PDF)}]});
    let write = || post(&messages, &world.token(world.citizen), body.clone());
    for request in [confirm(&world, id, PDF), write()] {
        let later = send!(app, request);
        assert_eq!(later.told(), (503, "virus-scan-unavailable".to_owned()));
        assert_eq!(later.header("retry-after"), "30");
        let shown = String::from_utf8_lossy(&later.bytes).into_owned();
        assert!(!shown.contains("clamd"), "{shown}");
    }

    clamd.start().await;
    let confirmed = send!(app, confirm(&world, id, PDF));
    assert_eq!(confirmed.status, 200, "{}", confirmed.json());
    assert_eq!(world.bytes_of(id).await.unwrap(), PDF);
    assert_eq!(send!(app, write()).status, 201);
}

async fn a_file_longer_than_the_scanner_takes_is_not_taken_unseen(store: Store) {
    let mut clamd = Clamd::new();
    let conf = clamd.folder.path().join("clamd.conf");
    let mut conf = std::fs::OpenOptions::new().append(true).open(conf).unwrap();
    writeln!(conf, "StreamMaxLength 1K").unwrap();
    clamd.start().await;
    let world = World::with(store, |settings| settings.clamd.address = clamd.address()).await;
    let app = app!(world);
    let mut long = PDF.to_vec();
    long.resize(1_000_000, b' ');
    let id = sent!(world, app, &long);
    let refused = send!(app, confirm(&world, id, &long));
    assert_eq!(refused.told(), (503, "virus-scan-unavailable".to_owned()));
}

async fn a_signed_file_is_taken_and_says_what_it_holds(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let token = world.token(world.citizen);
    let signed = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02 busta di prova";
    for (mime_type, name, holds) in [
        (json!(null), "planimetria.pdf.p7m", json!("planimetria.pdf")),
        (
            json!("application/octet-stream"),
            "planimetria.PDF.P7M.p7m",
            json!("planimetria.PDF"),
        ),
        (
            json!("application/pkcs7-mime"),
            "firmato.p7m",
            json!("firmato"),
        ),
    ] {
        let body = json!({"name": name, "size": signed.len(), "mime_type": mime_type});
        let begun = send!(app, post("/lang/it/upload", &token, body)).json();
        let sent = send!(app, put_bytes(&path_of(&begun["uri"]), "", signed));
        assert_eq!(sent.status, 200, "{name}: {}", sent.json());
        let id: FileId = begun["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(send!(app, confirm(&world, id, signed)).status, 200);
        let row = world.row(id).await.unwrap();
        assert_eq!(row.mime_type, "application/pkcs7-mime");
        assert_eq!(json!(row.description), holds);
    }
    // Under the name of a signed file there is a signed file.
    let body =
        json!({"name": "atto.pdf.p7m", "size": PDF.len(), "mime_type": "application/octet-stream"});
    let begun = send!(app, post("/lang/it/upload", &token, body)).json();
    let other = send!(app, put_bytes(&path_of(&begun["uri"]), "", PDF));
    assert_eq!(other.told(), (422, "upload-mismatch".to_owned()));

    let application = world.application(Status::Pending);
    let body = json!({"message": "firmato", "attachments": [
        {"name": "atto.pdf.p7m", "file": in_base64(signed)},
        {"name": "altro.pdf.p7m", "file": in_base64(signed), "description": "Delega"}]});
    let messages = format!("/lang/api/applications/{application}/messages");
    let written = send!(app, post(&messages, &token, body)).json();
    let shown: Vec<_> = written["attachments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["originalName"].clone(), file["description"].clone()))
        .collect();
    assert_eq!(
        shown,
        [
            (json!("atto.pdf.p7m"), json!("atto.pdf")),
            (json!("altro.pdf.p7m"), json!("Delega"))
        ]
    );
}

on_both!(
    an_infected_file_is_refused_and_thrown_away,
    while_the_scanner_is_away_nothing_is_taken_and_nothing_is_lost,
    a_file_longer_than_the_scanner_takes_is_not_taken_unseen,
    a_signed_file_is_taken_and_says_what_it_holds,
);
