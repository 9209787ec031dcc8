//! Answers that every resource gives alike (`core-api.md` §1).

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue,
};
use futures::StreamExt;

use crate::files::FileContent;
use crate::problem::Problem;

/// A PUT went well.
#[must_use]
pub fn modified() -> HttpResponse {
    HttpResponse::Ok().json(["Object Modified Successfully"])
}

/// A PATCH went well.
#[must_use]
pub fn patched() -> HttpResponse {
    HttpResponse::Ok().json(["Object Patched Successfully"])
}

/// A DELETE went well.
#[must_use]
pub fn deleted() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// A whole file, to be kept under this name. `cache` says who may keep it: `private, no-store`, `public, max-age=…`.
#[must_use]
pub fn download(name: &str, mime_type: &str, cache: &str, content: FileContent) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(mime_type)
        .insert_header(disposition(name))
        .insert_header((CACHE_CONTROL, cache))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .no_chunking(content.size)
        .streaming(
            content
                .body
                .map(|piece| piece.map_err(Problem::unavailable)),
        )
}

/// The file's name for old and new clients (RFC 6266 §4.3).
fn disposition(name: &str) -> ContentDisposition {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut parameters = vec![DispositionParam::Filename(plain.clone())];
    if plain != name {
        parameters.push(DispositionParam::FilenameExt(ExtendedValue {
            charset: Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: name.as_bytes().to_vec(),
        }));
    }
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_other_letters_is_given_in_both_forms() {
        assert_eq!(
            disposition("richiesta-1.pdf").to_string(),
            "attachment; filename=\"richiesta-1.pdf\""
        );
        assert_eq!(
            disposition("rückzug.pdf").to_string(),
            "attachment; filename=\"r_ckzug.pdf\"; filename*=UTF-8''r%C3%BCckzug.pdf"
        );
    }
}
