//! The payment page: what the citizen sees and what the buttons do.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::faults::{FaultKind, Scope};
use crate::pages;
use crate::positions::{self, Change, Position};
use crate::problem::Problem;
use crate::server::{App, resource};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        resource("/pay/{external_id}")
            .route(web::get().to(show_page))
            .route(web::post().to(act)),
    );
}

async fn show_page(
    app: web::Data<App>,
    external_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let position = app
        .store
        .transaction(move |connection| positions::find(connection, &external_id))
        .await?;
    Ok(match position {
        Some(position) => html(StatusCode::OK, pages::payment(&position)),
        None => html(StatusCode::NOT_FOUND, pages::unknown()),
    })
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Pay,
    Fail,
    Later,
}

#[derive(Deserialize)]
struct Pressed {
    action: Action,
}

async fn act(
    app: web::Data<App>,
    external_id: web::Path<String>,
    form: Result<web::Form<Pressed>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let Ok(form) = form else {
        return Ok(html(StatusCode::BAD_REQUEST, pages::malformed()));
    };
    let action = form.action;
    let faults = app.clone();
    let change = app
        .store
        .transaction(move |connection| match action {
            Action::Pay => positions::pay(connection, &external_id, || copies(&faults)),
            Action::Fail => positions::fail(connection, &external_id),
            Action::Later => Ok(match positions::find(connection, &external_id)? {
                Some(position) => Change::Done(position),
                None => Change::Unknown,
            }),
        })
        .await?;
    Ok(match change {
        Change::Done(position) => {
            app.wake.notify_one();
            back(&position)
        }
        Change::Refused(position) => html(StatusCode::CONFLICT, pages::payment(&position)),
        Change::Unknown => html(StatusCode::NOT_FOUND, pages::unknown()),
    })
}

/// How many notifications this payment gets.
fn copies(app: &App) -> usize {
    let twice = app.faults.take(
        FaultKind::NotifyTwice,
        Scope::Intermediary,
        "POST /pay/{external_id}",
        0,
    );
    if twice.is_some() { 2 } else { 1 }
}

fn back(position: &Position) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, position.request.return_url.as_str()))
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .finish()
}

/// No `form-action` in the policy: browsers apply it to the redirect after the form too, and that
/// goes to the service's own site.
fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ))
        .body(page)
}
