//! `/internal/files/{module}/{file}`: files for the other modules of a split installation. Like `/metrics`, it is not
//! routed outside.

use actix_web::body::SizedStream;
use actix_web::{HttpResponse, web};

use crate::auth::{Auth, ModuleOnly};
use crate::context::Platform;
use crate::files::FileError;
use crate::id::FileId;
use crate::problem::Problem;

pub(super) async fn serve(
    platform: web::Data<Platform>,
    caller: Auth<ModuleOnly>,
    path: web::Path<(String, FileId)>,
) -> Result<HttpResponse, Problem> {
    let (module, file) = path.into_inner();
    let opened = platform
        .sources
        .open_here(caller.tenancy(), &module, file)
        .await;
    let content = match opened {
        Ok(content) => content,
        Err(FileError::NotFound) => return Err(Problem::not_found("file")),
        Err(error) => return Err(Problem::internal(error)),
    };
    // An error on the way breaks the connection: the other side sees that the file is not whole.
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .body(SizedStream::new(content.size, content.body)))
}
