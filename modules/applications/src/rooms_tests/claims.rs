//! What an application may claim of uploads, files in bodies, and the sweeping of what nothing names.

use std::time::Duration;

use opencity_kernel::ProblemKind;
use opencity_kernel::instant::Instant;
use opencity_kernel::scheduler::Task as _;

use super::*;
use crate::files::{AttachmentIn, SweepUploads};
use crate::store::file::FileKind;

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

async fn a_message_takes_an_upload_of_the_senders_own(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let (own, foreign) = (
        upload!(world, app, world.citizen),
        upload!(world, app, world.stranger),
    );
    let application = world.application(Status::Pending);
    let messages = format!("/lang/api/applications/{application}/messages");
    let token = world.token(world.citizen);
    let named = |ids: &[FileId]| {
        let attachments: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        post(
            &messages,
            &token,
            json!({"message": "Ecco", "attachments": attachments}),
        )
    };
    let refused = send!(app, named(&[own, foreign]));
    assert_eq!(refused.told(), (422, "file-refused".to_owned()));
    assert_eq!(
        refused.fields(),
        [("attachments.1.id".to_owned(), "unknown".to_owned())]
    );
    let nothing = json!({"message": "Ecco", "attachments": [{"name": "a.pdf"}]});
    assert_eq!(
        send!(app, post(&messages, &token, nothing)).fields(),
        [("attachments.0.file".to_owned(), "required".to_owned())]
    );
    let written = send!(app, named(&[own]));
    assert_eq!(written.status, 201, "{}", written.json());
    let shown = written.json()["attachments"][0].clone();
    assert_eq!(shown["id"], json!(own));
    let bytes = send!(app, get(&path_of(&shown["url"]), &token));
    assert_eq!((bytes.status.as_u16(), &*bytes.bytes), (200, PDF));
    // It is the message's now: neither another message nor the data of the application take it.
    assert_eq!(
        send!(app, named(&[own])).told(),
        (422, "file-refused".to_owned())
    );
    let citizen = world.citizen;
    let claimed = world
        .write(move |files, scope| {
            files.claim(scope, application, citizen, &[(own, "a".to_owned())])
        })
        .await;
    assert_eq!(claimed.unwrap_err().kind(), ProblemKind::FileRefused);
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
    an_application_claims_only_finished_unused_uploads_of_the_sender,
    an_application_holds_no_more_files_than_allowed,
    a_file_in_a_body_is_refused_with_its_place_and_reason,
    what_nothing_names_is_swept_after_its_days_row_and_bytes,
    a_message_takes_an_upload_of_the_senders_own,
    what_a_draft_no_longer_names_is_free_to_be_swept,
);
