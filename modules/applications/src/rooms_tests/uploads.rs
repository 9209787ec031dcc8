//! Uploads, what an application may claim of them, files in bodies, and the sweeping.

use std::time::Duration;

use futures::TryStreamExt as _;
use opencity_kernel::db::WriteScope;
use opencity_kernel::files::FileError;
use opencity_kernel::instant::Instant;
use opencity_kernel::scheduler::Task as _;
use opencity_kernel::{Problem, ProblemKind};

use super::*;
use crate::files::{AttachmentIn, SweepUploads};
use crate::store::file::{self, FileKind, FileRow};

impl World {
    pub(super) async fn row(&self, id: FileId) -> Option<FileRow> {
        let db = &self.access.files.ctx.db;
        db.read::<_, DbError>(self.tenancy, move |scope| file::find(scope, id))
            .await
            .unwrap()
    }

    async fn write<T: Send + 'static>(
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
    assert_eq!(send!(app, put_bytes(content, &token, PDF)).status, 200);
    let again = send!(app, put_bytes(content, &token, PDF));
    assert_eq!(again.told(), (409, "conflict".to_owned()));
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
    // A signed file, under the type that browsers give it; a path and parameters are cut away.
    for body in [
        json!({"name": "C:\\fakepath\\atto.pdf.p7m", "size": 10, "mime_type": "application/octet-stream"}),
        json!({"name": "nota.txt", "size": 10, "mime_type": "Text/Plain; charset=utf-8"}),
        json!({"name": "foto.JPG", "size": 10}),
    ] {
        assert_eq!(
            send!(app, post("/lang/it/upload", &token, body)).status,
            201
        );
    }
}

async fn an_application_claims_only_finished_unused_uploads_of_the_sender(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let (own, foreign) = (
        upload!(world, app, world.citizen),
        upload!(world, app, world.stranger),
    );
    let token = world.token(world.citizen);
    let begun = send!(app, post("/lang/it/upload", &token, announcement(3))).json();
    let begun: FileId = begun["id"].as_str().unwrap().parse().unwrap();
    let (citizen, stranger) = (world.citizen, world.stranger);
    let (first, second) = (ApplicationId::new(), ApplicationId::new());

    let refs = [
        (own, "a.0"),
        (foreign, "a.1"),
        (begun, "b"),
        (FileId::new(), "c.data.0"),
    ]
    .map(|(id, field)| (id, field.to_owned()));
    let refused = world
        .write(move |files, scope| files.claim(scope, first, citizen, &refs))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ProblemKind::FileRefused);
    let fields: Vec<String> = refused.body("x")["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(fields, ["a.1", "b", "c.data.0"]);
    assert_eq!(
        world.row(own).await.unwrap().used_at,
        None,
        "nothing is taken of a refused request"
    );

    let refs = vec![(own, "a".to_owned()), (own, "again".to_owned())];
    let again = refs.clone();
    let rows = world
        .write(move |files, scope| files.claim(scope, first, citizen, &refs))
        .await
        .unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row.application_id)
            .collect::<Vec<_>>(),
        [Some(first); 2]
    );
    // Somebody else who writes the same data back changes nothing; another application gets nothing.
    let repeated = again.clone();
    world
        .write(move |files, scope| files.claim(scope, first, stranger, &repeated))
        .await
        .unwrap();
    let taken = world
        .write(move |files, scope| files.claim(scope, second, citizen, &again))
        .await
        .unwrap_err();
    assert_eq!(taken.kind(), ProblemKind::FileRefused);
}

async fn an_application_holds_no_more_files_than_allowed(store: Store) {
    let world = World::with(store, |settings| settings.max_count = 1).await;
    let app = app!(world);
    let ids = [
        upload!(world, app, world.citizen),
        upload!(world, app, world.citizen),
    ];
    let (citizen, application) = (world.citizen, ApplicationId::new());
    let claim = |id: FileId| {
        world.write(move |files, scope| {
            files.claim(scope, application, citizen, &[(id, "a".to_owned())])
        })
    };
    claim(ids[0]).await.unwrap();
    assert_eq!(
        claim(ids[1]).await.unwrap_err().kind(),
        ProblemKind::TooManyFiles
    );
    claim(ids[0]).await.unwrap();
}

fn attachment(name: &str, mime_type: Option<&str>, file: &str) -> AttachmentIn {
    serde_json::from_value(json!({"name": name, "mime_type": mime_type, "file": file})).unwrap()
}

async fn a_file_in_a_body_is_refused_with_its_place_and_reason(store: Store) {
    let world = World::on(store).await;
    let pdf = base64::engine::general_purpose::STANDARD.encode(PDF);
    let attachments = [
        attachment("buono.pdf", Some("application/pdf"), &pdf),
        attachment("vuoto.pdf", None, ""),
        attachment("senza", None, &pdf),
        attachment("programma.exe", None, &pdf),
        attachment("foto.png", Some("application/pdf"), &pdf),
        attachment("foto.png", Some("image/png"), &pdf),
        attachment("a.pdf", None, "questo non è base64"),
    ];
    let problem = world
        .access
        .files
        .decode("attachments", &attachments)
        .unwrap_err();
    assert_eq!(problem.kind(), ProblemKind::FileRefused);
    let body = problem.body("x");
    let told: Vec<_> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["field"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("attachments.1.file", "empty"),
            ("attachments.2.name", "extension"),
            ("attachments.3.name", "extension"),
            ("attachments.4.mime_type", "mime_type"),
            ("attachments.5.file", "content"),
            ("attachments.6.file", "base64"),
        ]
    );
    // Padded or not, with line breaks, as a data URL.
    let unpadded = pdf.trim_end_matches('=');
    let broken = format!("{}\r\n{}", &pdf[..8], &pdf[8..]);
    let url = format!("data:application/pdf;base64,{pdf}");
    for text in [pdf.as_str(), unpadded, &broken, &url] {
        let good = [attachment("a.pdf", None, text)];
        world.access.files.decode("attachments", &good).unwrap();
    }
}

async fn what_nothing_names_is_swept_after_its_days_row_and_bytes(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let (used, unused, recent) = (
        upload!(world, app, world.citizen),
        upload!(world, app, world.citizen),
        upload!(world, app, world.citizen),
    );
    let citizen = world.citizen;
    // A request that failed after its file was stored.
    let pdf = base64::engine::general_purpose::STANDARD.encode(PDF);
    let decoded = world
        .access
        .files
        .decode("attachments", &[attachment("a.pdf", None, &pdf)])
        .unwrap();
    world
        .access
        .files
        .prepare(world.tenancy, citizen, FileKind::Message, decoded)
        .await
        .unwrap();
    let old = Instant::from_micros(clock::now().micros()).minus(Duration::from_secs(8 * 86_400));
    world
        .write(move |files, scope| {
            files.claim(
                scope,
                ApplicationId::new(),
                citizen,
                &[(used, "a".to_owned())],
            )?;
            use crate::store::schema_messages::applications_file as t;
            use diesel::prelude::*;
            scope.execute(t::table, |rows| {
                diesel::update(rows.filter(t::id.ne(recent))).set(t::created_at.eq(old))
            })?;
            Ok(())
        })
        .await
        .unwrap();
    let key = world.row(unused).await.unwrap().key().unwrap();
    let stored = world.stored_files();
    assert_eq!(stored, 4);

    assert!(
        !SweepUploads(world.access.files.clone())
            .run()
            .await
            .unwrap()
    );
    assert_eq!(world.row(unused).await, None);
    assert!(!world.platform.files.exists(key).await.unwrap());
    assert_eq!(world.bytes_of(used).await.unwrap(), PDF);
    assert_eq!(world.bytes_of(recent).await.unwrap(), PDF);
    assert_eq!(
        world.stored_files(),
        2,
        "the file of the failed request is gone too"
    );
}

async fn what_a_draft_no_longer_names_is_free_to_be_swept(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let (kept, dropped) = (
        upload!(world, app, world.citizen),
        upload!(world, app, world.citizen),
    );
    let (citizen, application) = (world.citizen, ApplicationId::new());
    let refs = vec![(kept, "a".to_owned()), (dropped, "b".to_owned())];
    world
        .write(move |files, scope| {
            files.claim(scope, application, citizen, &refs)?;
            Ok(files.release(scope, application, &[kept])?)
        })
        .await
        .unwrap();
    assert!(world.row(kept).await.unwrap().used_at.is_some());
    assert_eq!(world.row(dropped).await.unwrap().used_at, None);
}

on_both!(
    a_file_is_announced_sent_without_a_token_and_confirmed,
    the_same_key_announces_a_file_once,
    a_file_of_another_size_than_announced_is_not_kept_and_can_be_sent_again,
    bytes_of_another_type_than_announced_are_not_kept,
    a_hash_that_differs_is_refused_and_nothing_can_name_the_file,
    only_who_began_an_upload_goes_on_with_it,
    what_is_not_accepted_is_refused_when_it_is_announced,
    an_application_claims_only_finished_unused_uploads_of_the_sender,
    an_application_holds_no_more_files_than_allowed,
    a_file_in_a_body_is_refused_with_its_place_and_reason,
    what_nothing_names_is_swept_after_its_days_row_and_bytes,
    what_a_draft_no_longer_names_is_free_to_be_swept,
);
