//! The registry takes the files of a registration: each is checked as it flows by. The bytes are not
//! kept: what counts here is that they came, whole and right.

use actix_web::{HttpResponse, web};
use aws_lc_rs::digest;
use futures::StreamExt;

use crate::problem::Problem;
use crate::registrations;
use crate::registry::shown;
use crate::server::{App, resource};

/// The largest file, in bytes.
pub(crate) const LARGEST_FILE: i64 = 256 * 1024 * 1024;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        resource("/registry/registrations/{external_id}/files/{index}")
            .route(web::put().to(put_file)),
    );
}

async fn put_file(
    app: web::Data<App>,
    path: web::Path<(String, String)>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (external_id, index) = path.into_inner();
    let id = external_id.clone();
    let registration = app
        .store
        .transaction(move |connection| registrations::find(connection, &id))
        .await?
        .ok_or_else(Problem::not_found)?;
    let file = index
        .parse::<i32>()
        .ok()
        .and_then(|index| {
            registration
                .files
                .iter()
                .find(|file| file.position == index)
        })
        .ok_or_else(Problem::not_found)?;

    let found = read(body, file.size).await?;
    if found != file.sha256 {
        return Err(Problem::invalid(format!(
            "The bytes are not those announced: their sha256 is {found}."
        )));
    }
    let position = file.position;
    let registration = app
        .store
        .transaction(move |connection| {
            registrations::receive_file(connection, &external_id, position)?;
            registrations::find(connection, &external_id)
        })
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(shown(&registration)))
}

/// The SHA-256 of a body that must have exactly this size.
async fn read(mut body: web::Payload, size: i64) -> Result<String, Problem> {
    let announced = u64::try_from(size).unwrap_or(0);
    let mut length: u64 = 0;
    let mut digest = digest::Context::new(&digest::SHA256);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Problem::malformed(error.to_string()))?;
        length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if length > announced {
            return Err(Problem::too_large(format!(
                "The file was announced with {announced} bytes."
            )));
        }
        digest.update(&chunk);
    }
    if length < announced {
        return Err(Problem::invalid(format!(
            "The file was announced with {announced} bytes; {length} came."
        )));
    }
    Ok(hex::encode(digest.finish()))
}
