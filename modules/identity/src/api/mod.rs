//! `auth`, `session-auth`, `users`, `user-groups` and the public keys.

mod auth;
mod office_input;
mod offices;
mod user_input;
mod user_output;
mod users;

use actix_web::web;
use opencity_kernel::problem::ProblemBody;
use utoipa::OpenApi;

use crate::Core;

pub(crate) fn routes(config: &mut web::ServiceConfig, core: &Core) {
    config
        .app_data(web::Data::new(core.clone()))
        .service(web::resource("/{tenant}/api/auth").route(web::post().to(auth::log_in)))
        .service(
            web::resource("/{tenant}/api/session-auth")
                .route(web::get().to(auth::get_session))
                .route(web::post().to(auth::create_anonymous))
                .route(web::method(actix_web::http::Method::OPTIONS).to(auth::session_options)),
        )
        .service(web::resource("/.well-known/jwks.json").route(web::get().to(auth::list_keys)))
        .service(
            web::resource("/{tenant}/api/users")
                .route(web::get().to(users::list_users))
                .route(web::post().to(users::create_user)),
        )
        .service(
            web::resource("/{tenant}/api/users/{id}")
                .route(web::get().to(users::get_user))
                .route(web::put().to(users::put_user))
                .route(web::patch().to(users::patch_user))
                .route(web::delete().to(users::delete_user)),
        )
        .service(
            web::resource("/{tenant}/api/user-groups")
                .route(web::get().to(offices::list_offices))
                .route(web::post().to(offices::create_office)),
        )
        .service(
            web::resource("/{tenant}/api/user-groups/{id}")
                .route(web::get().to(offices::get_office))
                .route(web::put().to(offices::put_office))
                .route(web::patch().to(offices::patch_office))
                .route(web::delete().to(offices::delete_office)),
        );
}

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    paths(
        auth::log_in, auth::get_session, auth::create_anonymous, auth::list_keys,
        users::list_users, users::create_user, users::get_user, users::put_user, users::patch_user, users::delete_user,
        offices::list_offices, offices::create_office, offices::get_office, offices::put_office, offices::patch_office,
        offices::delete_office,
    ),
    components(schemas(ProblemBody)),
    tags(
        (name = "auth", description = "Tokens"),
        (name = "users", description = "Citizens, operators, administrators"),
        (name = "user-groups", description = "Offices"),
    )
)]
struct Api;
