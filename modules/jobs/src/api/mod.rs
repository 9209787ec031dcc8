//! The module's HTTP interface.

pub mod jobs;

use actix_web::web;
use opencity_kernel::context::ModuleContext;
use utoipa::OpenApi;

use crate::Settings;

/// What handlers work with.
#[derive(Clone)]
pub struct State {
    /// The module's context.
    pub context: ModuleContext,
    /// Its settings.
    pub settings: Settings,
}

pub(crate) fn routes(state: &State, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(state.clone()))
        .service(
            web::resource("/{tenant}/api/jobs")
                .get(jobs::list_jobs)
                .post(jobs::create_job),
        )
        .service(
            web::resource("/{tenant}/api/jobs/{id}")
                .get(jobs::get_job)
                .delete(jobs::cancel_job),
        )
        .service(web::resource("/{tenant}/api/jobs/{id}/rejects").get(jobs::get_rejects));
}

#[derive(OpenApi)]
#[openapi(
    paths(jobs::list_jobs, jobs::create_job, jobs::get_job, jobs::cancel_job, jobs::get_rejects),
    tags((name = "jobs", description = "Asynchronous processes"))
)]
struct Documentation;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
