//! Bytes of a file over HTTP: whole, in part (RFC 9110 §14), or not at all when the reader has them.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError as _;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ByteRangeSpec, CACHE_CONTROL, CONTENT_RANGE, EntityTag, Header as _, IF_RANGE, IfNoneMatch,
    RANGE, Range,
};
use opencity_kernel::{Problem, ProblemKind};

use super::Files;
use crate::store::file::{FileRow, FileState};

impl Files {
    /// Answers with the bytes of a file, as a download under the name that its owner gave it.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`] until the file is finished; the store's failures.
    pub async fn serve(
        &self,
        request: &HttpRequest,
        row: &FileRow,
    ) -> Result<HttpResponse, Problem> {
        let (Some(key), Some(sha256), Some(size)) = (
            row.key(),
            row.sha256.as_ref(),
            row.size.and_then(|size| u64::try_from(size).ok()),
        ) else {
            return Err(Problem::not_found("file"));
        };
        if !row.is(FileState::Finished) {
            return Err(Problem::not_found("file"));
        }
        let tag = EntityTag::new_strong(sha256.clone());
        if is_known(request, &tag) {
            return Ok(HttpResponse::NotModified()
                .insert_header(("ETag", tag.to_string()))
                .insert_header((CACHE_CONTROL, "private, no-cache"))
                .finish());
        }
        let part = match asked_part(request, &tag, size) {
            Asked::Whole => None,
            Asked::Part(first, last) => Some((first, last)),
            Asked::Nothing => {
                let problem = Problem::new(
                    ProblemKind::RangeNotSatisfiable,
                    format!("The file has {size} bytes. Ask for a part of them."),
                );
                let mut response = problem.error_response();
                if let Ok(value) = format!("bytes */{size}").parse() {
                    response.headers_mut().insert(CONTENT_RANGE, value);
                }
                return Ok(response);
            }
        };
        let range = part.map(|(first, last)| first..last.saturating_add(1));
        let content = self
            .ctx
            .platform
            .files
            .get(key, range)
            .await
            .map_err(Problem::internal)?;
        let length = content.range.end.saturating_sub(content.range.start);
        let mut response = HttpResponse::build(match part {
            Some(_) => StatusCode::PARTIAL_CONTENT,
            None => StatusCode::OK,
        });
        if let Some((first, last)) = part {
            response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
        }
        Ok(response
            .content_type(row.mime_type.as_str())
            .insert_header(("ETag", tag.to_string()))
            .insert_header(("Accept-Ranges", "bytes"))
            .insert_header(("Content-Disposition", disposition(&row.original_name)))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header((CACHE_CONTROL, "private, no-cache"))
            .no_chunking(length)
            .streaming(content.body))
    }
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key("if-none-match") {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

enum Asked {
    Whole,
    /// From the first to the last byte, both included.
    Part(u64, u64),
    /// Bytes that the file does not have.
    Nothing,
}

/// One range is served; what asks for several, or cannot be read, gets the whole file.
fn asked_part(request: &HttpRequest, tag: &EntityTag, size: u64) -> Asked {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if header(&IF_RANGE).is_some_and(|known| known.trim() != tag.to_string()) {
        return Asked::Whole;
    }
    let ranges: Vec<ByteRangeSpec> = match header(&RANGE).map(str::parse::<Range>) {
        Some(Ok(Range::Bytes(ranges))) => ranges,
        _ => return Asked::Whole,
    };
    match ranges.as_slice() {
        [range] => match range.to_satisfiable_range(size) {
            Some((first, last)) => Asked::Part(first, last),
            None => Asked::Nothing,
        },
        _ => Asked::Whole,
    }
}

/// RFC 6266 with RFC 8187: the name in ASCII for old readers, and as it is.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut exact = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            exact.push(char::from(byte));
        } else {
            exact.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}
