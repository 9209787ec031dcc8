//! Files of an application over HTTP.

use super::*;

/// An application with one file of its data.
async fn with_file(world: &World, id: FileId) -> ApplicationId {
    let application = world.application(Status::Submitted);
    let (files, citizen) = (world.access.files.clone(), world.citizen);
    let db = files.ctx.db.clone();
    db.write(world.tenancy, move |scope| {
        files.claim(scope, application, citizen, &[(id, "a".to_owned())])
    })
    .await
    .unwrap();
    application
}

async fn a_file_is_a_download_under_the_name_that_its_owner_gave_it(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let id = upload!(world, app, world.citizen);
    let path = format!(
        "/lang/api/applications/{}/attachments/{id}",
        with_file(&world, id).await
    );
    let whole = send!(app, get(&path, &world.token(world.citizen)));
    assert_eq!((whole.status.as_u16(), whole.bytes.as_ref()), (200, PDF));
    assert_eq!(whole.header("content-type"), "application/pdf");
    assert_eq!(whole.header("content-length"), PDF.len().to_string());
    assert_eq!(whole.header("etag"), format!("\"{}\"", sha256_hex(PDF)));
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(
        whole.header("content-disposition"),
        "attachment; filename=\"Planimetria _ piano terra.pdf\"; filename*=UTF-8''Planimetria%20%E2%80%93%20piano%20terra.pdf"
    );
    // By slug too.
    let by_slug = path.replacen("lang", "bugliano", 1);
    assert_eq!(
        send!(app, get(&by_slug, &world.token(world.operator)))
            .bytes
            .as_ref(),
        PDF
    );
}

async fn one_range_is_served_and_what_the_reader_has_is_not_sent_again(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let id = upload!(world, app, world.citizen);
    let path = format!(
        "/lang/api/applications/{}/attachments/{id}",
        with_file(&world, id).await
    );
    let token = world.token(world.citizen);
    let size = PDF.len();
    let tag = format!("\"{}\"", sha256_hex(PDF));
    let asked = |range: &str| get(&path, &token).insert_header(("range", range.to_owned()));
    for (range, bytes, content_range) in [
        ("bytes=0-4", &PDF[..5], format!("bytes 0-4/{size}")),
        (
            "bytes=5-",
            &PDF[5..],
            format!("bytes 5-{}/{size}", size - 1),
        ),
        (
            "bytes=-3",
            &PDF[size - 3..],
            format!("bytes {}-{}/{size}", size - 3, size - 1),
        ),
        (
            "bytes=1-999999",
            &PDF[1..],
            format!("bytes 1-{}/{size}", size - 1),
        ),
    ] {
        let part = send!(app, asked(range));
        assert_eq!(
            (part.status.as_u16(), part.bytes.as_ref()),
            (206, bytes),
            "{range}"
        );
        assert_eq!(part.header("content-range"), content_range, "{range}");
        assert_eq!(
            part.header("content-length"),
            bytes.len().to_string(),
            "{range}"
        );
    }
    for range in ["bytes=0-1,3-4", "lines=1-2", "bytes=x"] {
        let whole = send!(app, asked(range));
        assert_eq!(
            (whole.status.as_u16(), whole.bytes.as_ref()),
            (200, PDF),
            "{range}"
        );
    }
    let outside = send!(app, asked("bytes=999999-"));
    assert_eq!(outside.told(), (416, "range-not-satisfiable".to_owned()));
    assert_eq!(outside.header("content-range"), format!("bytes */{size}"));

    for known in [tag.as_str(), "*", &format!("\"other\", W/{tag}")] {
        let known = get(&path, &token).insert_header(("if-none-match", known.to_owned()));
        let answer = send!(app, known);
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0));
        assert_eq!(answer.header("etag"), tag);
    }
    let other = get(&path, &token).insert_header(("if-none-match", "\"other\""));
    assert_eq!(send!(app, other).status, 200);
    let same = send!(
        app,
        asked("bytes=0-4").insert_header(("if-range", tag.clone()))
    );
    assert_eq!(same.status, 206);
    let changed = send!(
        app,
        asked("bytes=0-4").insert_header(("if-range", "\"other\""))
    );
    assert_eq!(changed.status, 200);
}

async fn a_file_is_for_whoever_may_view_its_application_and_for_other_modules(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let id = upload!(world, app, world.citizen);
    let application = with_file(&world, id).await;
    let other = world.application(Status::Submitted);
    let path = |application: ApplicationId, id: FileId| {
        format!("/lang/api/applications/{application}/attachments/{id}")
    };
    let own = path(application, id);
    for (token, told) in [
        (String::new(), (401, "unauthenticated")),
        (world.token(world.stranger), (403, "forbidden")),
    ] {
        let refused = send!(app, get(&own, &token));
        assert_eq!(refused.told(), (told.0, told.1.to_owned()));
    }
    for token in [
        world.token(world.operator),
        world.token(world.admin),
        world.service_token(),
    ] {
        assert_eq!(send!(app, get(&own, &token)).bytes.as_ref(), PDF);
    }
    let token = world.token(world.citizen);
    for path in [
        path(ApplicationId::new(), id),
        path(other, id),
        path(application, FileId::new()),
    ] {
        assert_eq!(
            send!(app, get(&path, &token)).told(),
            (404, "not-found".to_owned()),
            "{path}"
        );
    }
}

async fn a_system_outside_gives_a_file_its_id(store: Store) {
    let world = World::on(store).await;
    let app = app!(world);
    let id = upload!(world, app, world.citizen);
    let path = format!(
        "/lang/api/applications/{}/attachments/{id}",
        with_file(&world, id).await
    );
    let body = json!({"external_id": "DOC-17"});
    let done = send!(app, patch(&path, &world.token(world.system), body.clone()));
    assert_eq!(
        (done.status.as_u16(), done.json()),
        (200, json!(["Object Patched Successfully"]))
    );
    // What is absent stays.
    let nothing = send!(app, patch(&path, &world.token(world.system), json!({})));
    assert_eq!(nothing.status, 200);
    let db = &world.access.files.ctx.db;
    let row = db
        .read::<_, DbError>(world.tenancy, move |scope| {
            crate::store::file::find(scope, id)
        })
        .await
        .unwrap();
    assert_eq!(row.unwrap().external_id.as_deref(), Some("DOC-17"));
    let refused = send!(app, patch(&path, &world.token(world.citizen), body));
    assert_eq!(refused.told(), (403, "forbidden".to_owned()));
}

on_both!(
    a_file_is_a_download_under_the_name_that_its_owner_gave_it,
    one_range_is_served_and_what_the_reader_has_is_not_sent_again,
    a_file_is_for_whoever_may_view_its_application_and_for_other_modules,
    a_system_outside_gives_a_file_its_id,
);
