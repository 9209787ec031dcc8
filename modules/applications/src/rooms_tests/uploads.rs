//! Uploads: announced, sent, confirmed.

use futures::TryStreamExt as _;
use opencity_kernel::Problem;
use opencity_kernel::db::WriteScope;
use opencity_kernel::files::FileError;

use super::*;
use crate::store::file::{self, FileRow};

impl World {
    pub(super) async fn row(&self, id: FileId) -> Option<FileRow> {
        let db = &self.access.files.ctx.db;
        db.read::<_, DbError>(self.tenancy, move |scope| file::find(scope, id))
            .await
            .unwrap()
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files, &mut WriteScope<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let files = self.access.files.clone();
        let db = files.ctx.db.clone();
        db.write(self.tenancy, move |scope| work(&files, scope))
            .await
    }

    /// What the other modules of the process read.
    pub(super) async fn bytes_of(&self, id: FileId) -> Result<Vec<u8>, FileError> {
        let content = self
            .platform
            .sources
            .open(self.tenancy, "applications", id)
            .await?;
        let pieces: Vec<_> = content.body.try_collect().await?;
        Ok(pieces.concat())
    }
}

async fn a_file_is_announced_sent_without_a_token_and_confirmed(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let id = upload!(world, app, world.citizen);
    let row = world.row(id).await.unwrap();
    assert_eq!(
        (row.name.as_str(), row.mime_type.as_str()),
        ("planimetria.pdf", "application/pdf")
    );
    assert_eq!(row.original_name, "Planimetria – piano terra.pdf");
    assert_eq!(
        (row.size, row.sha256),
        (Some(PDF.len() as i64), Some(sha256_hex(PDF)))
    );
    assert_eq!(row.md5.unwrap().len(), 32);
    assert!(!row.protocol_required);
    assert_eq!(world.bytes_of(id).await.unwrap(), PDF);
}

async fn the_same_key_announces_a_file_once(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let token = world.token(world.citizen);
    let announce = || {
        post("/lang/it/upload", &token, announcement(3)).insert_header(("idempotency-key", "k1"))
    };
    let (first, second) = (send!(app, announce()), send!(app, announce()));
    assert_eq!((first.status.as_u16(), first.json()), (201, second.json()));
}

async fn a_file_of_another_size_than_announced_is_not_kept_and_can_be_sent_again(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let token = world.token(world.citizen);
    let begun = send!(
        app,
        post("/lang/it/upload", &token, announcement(PDF.len()))
    )
    .json();
    let uri = path_of(&begun["uri"]);
    let id: FileId = begun["id"].as_str().unwrap().parse().unwrap();
    // One that says its length, and others whose header lies.
    let short = send!(app, put_bytes(&uri, "", &PDF[..10]));
    assert_eq!(short.told(), (422, "upload-mismatch".to_owned()));
    let longer = [PDF, b"!"].concat();
    for bytes in [&PDF[..10], &longer] {
        let said = ("content-length", PDF.len().to_string());
        let lying = request(Method::PUT, &uri, "")
            .set_payload(bytes.to_vec())
            .insert_header(said);
        let wrong = send!(app, lying);
        assert_eq!(wrong.told(), (422, "upload-mismatch".to_owned()));
        let row = world.row(id).await.unwrap();
        assert!(
            !world
                .platform
                .files
                .exists(row.key().unwrap())
                .await
                .unwrap()
        );
        assert_eq!(row.sha256, None);
    }
    assert_eq!(send!(app, put_bytes(&uri, "", PDF)).status, 200);
}

async fn bytes_of_another_type_than_announced_are_not_kept(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let token = world.token(world.citizen);
    let begun = send!(app, post("/lang/it/upload", &token, announcement(8))).json();
    let wrong = send!(app, put_bytes(&path_of(&begun["uri"]), "", b"MZ\0\0 exe"));
    assert_eq!(wrong.told(), (422, "upload-mismatch".to_owned()));
}

async fn a_hash_that_differs_is_refused_and_nothing_can_name_the_file(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let token = world.token(world.citizen);
    let begun = send!(
        app,
        post("/lang/it/upload", &token, announcement(PDF.len()))
    )
    .json();
    let id: FileId = begun["id"].as_str().unwrap().parse().unwrap();
    let address = format!("/lang/it/upload/{id}");
    let early = send!(
        app,
        put(&address, &token, json!({"file_hash": sha256_hex(PDF)}))
    );
    assert_eq!(early.told(), (422, "upload-mismatch".to_owned()));
    assert_eq!(
        send!(app, put_bytes(&path_of(&begun["uri"]), "", PDF)).status,
        200
    );
    let wrong = send!(
        app,
        put(&address, &token, json!({"file_hash": sha256_hex(b"other")}))
    );
    assert_eq!(wrong.told(), (422, "upload-mismatch".to_owned()));
    assert!(matches!(world.bytes_of(id).await, Err(FileError::NotFound)));
    let upper = json!({"file_hash": sha256_hex(PDF).to_uppercase()});
    assert_eq!(send!(app, put(&address, &token, upper.clone())).status, 200);
    assert_eq!(
        send!(app, put(&address, &token, upper)).status,
        200,
        "said twice"
    );
}

async fn only_who_began_an_upload_goes_on_with_it(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let (token, other) = (world.token(world.citizen), world.token(world.stranger));
    let begun = send!(
        app,
        post("/lang/it/upload", &token, announcement(PDF.len()))
    )
    .json();
    let content = path_of(&begun["uri"]);
    let content = content.split_once('?').unwrap().0;
    for (path, token, told) in [
        (content.to_owned(), "", (401, "unauthenticated")),
        (content.to_owned(), other.as_str(), (403, "forbidden")),
        (
            format!("{content}?key=guessed"),
            "",
            (401, "unauthenticated"),
        ),
    ] {
        let refused = send!(app, put_bytes(&path, token, PDF));
        assert_eq!(refused.told(), (told.0, told.1.to_owned()), "{path}");
    }
    // The key is permission enough, whatever token a client adds to each of its requests.
    let with_key = path_of(&begun["uri"]);
    let sent = send!(app, put_bytes(&with_key, "expired", PDF));
    assert_eq!(sent.status, 200, "{}", sent.json());
    for (path, token) in [(content, token.as_str()), (with_key.as_str(), "")] {
        let again = send!(app, put_bytes(path, token, PDF));
        assert_eq!(again.told(), (409, "conflict".to_owned()), "{path}");
    }
    let address = content.trim_end_matches("/content");
    let hash = json!({"file_hash": sha256_hex(PDF)});
    assert_eq!(
        send!(app, put(address, &other, hash.clone())).told(),
        (403, "forbidden".to_owned())
    );
    assert_eq!(
        send!(app, put(address, "", hash)).told(),
        (401, "unauthenticated".to_owned())
    );
    let unknown = format!("/lang/it/upload/{}", FileId::new());
    let missing = send!(app, put(&unknown, &token, json!({"file_hash": "00"})));
    assert_eq!(missing.told(), (404, "not-found".to_owned()));
}

async fn what_is_not_accepted_is_refused_when_it_is_announced(store: Store) {
    let world = World::with(store, |settings| settings.max_bytes = 1000).await;
    let app = app!(world);
    let token = world.token(world.citizen);
    let with = |key: &str, value: Value| {
        let mut body = json!({"name": "a.pdf", "size": 10, "mime_type": "application/pdf"});
        body[key] = value;
        body
    };
    for (body, field, code) in [
        (with("name", json!("senza estensione")), "name", "extension"),
        (with("name", json!(".pdf")), "name", "extension"),
        (with("name", json!("programma.exe")), "name", "extension"),
        (
            with("name", json!("programma.exe.p7m")),
            "name",
            "extension",
        ),
        (
            with("name", json!("programma.EXE.p7m.P7M")),
            "name",
            "extension",
        ),
        (
            with("name", json!("programma.exe..p7m")),
            "name",
            "extension",
        ),
        (with("name", json!("/")), "name", "name"),
        (
            with("name", json!(format!("{}.pdf", "a".repeat(300)))),
            "name",
            "name",
        ),
        (
            with("original_filename", json!("b.js")),
            "name",
            "extension",
        ),
        (
            with("mime_type", json!("image/png")),
            "mime_type",
            "mime_type",
        ),
        (with("size", json!(0)), "size", "empty"),
        (with("size", json!(-5)), "size", "empty"),
    ] {
        let refused = send!(app, post("/lang/it/upload", &token, body.clone()));
        assert_eq!(refused.told(), (422, "file-refused".to_owned()), "{body}");
        assert_eq!(
            refused.fields(),
            [(field.to_owned(), code.to_owned())],
            "{body}"
        );
    }
    let large = send!(
        app,
        post("/lang/it/upload", &token, with("size", json!(1001)))
    );
    assert_eq!(large.told(), (413, "upload-too-large".to_owned()));
    // A file under the type that says nothing of it; a path and parameters are cut away.
    for body in [
        json!({"name": "C:\\fakepath\\atto.pdf.p7m", "size": 10, "mime_type": "application/octet-stream"}),
        json!({"name": "atto.pdf", "size": 10, "mime_type": "application/octet-stream"}),
        json!({"name": "nota.txt", "size": 10, "mime_type": "Text/Plain; charset=utf-8"}),
        json!({"name": "foto.JPG", "size": 10}),
    ] {
        assert_eq!(
            send!(app, post("/lang/it/upload", &token, body)).status,
            201
        );
    }
}

on_both!(
    a_file_is_announced_sent_without_a_token_and_confirmed,
    the_same_key_announces_a_file_once,
    a_file_of_another_size_than_announced_is_not_kept_and_can_be_sent_again,
    bytes_of_another_type_than_announced_are_not_kept,
    a_hash_that_differs_is_refused_and_nothing_can_name_the_file,
    only_who_began_an_upload_goes_on_with_it,
    what_is_not_accepted_is_refused_when_it_is_announced,
);
