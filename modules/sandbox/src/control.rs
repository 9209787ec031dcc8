//! For tests and people: what really happened, and which faults are set.

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::positions;
use crate::problem::Problem;
use crate::registrations;
use crate::registry;
use crate::schema::{
    files, folders, notifications, payments, positions as position_rows,
    registrations as registration_rows,
};
use crate::server::{App, resource};
use crate::store::Stored;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/_control/counters").route(web::get().to(read_counters)))
        .service(
            resource("/_control/faults")
                .route(web::get().to(list_faults))
                .route(web::put().to(set_fault))
                .route(web::delete().to(clear_faults)),
        )
        .service(resource("/_control/positions").route(web::get().to(list_positions)))
        .service(resource("/_control/registrations").route(web::get().to(list_registrations)));
}

async fn read_counters(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut counters = app.store.transaction(count).await?;
    if let Some(counters) = counters.as_object_mut() {
        counters.insert("calls".to_owned(), json!(app.faults.calls()));
    }
    Ok(HttpResponse::Ok().json(counters))
}

fn count(connection: &mut SqliteConnection) -> Stored<Value> {
    let positions: i64 = position_rows::table.count().get_result(connection)?;
    let cancelled: i64 = position_rows::table
        .filter(position_rows::cancelled_at.is_not_null())
        .count()
        .get_result(connection)?;
    let payments: i64 = payments::table.count().get_result(connection)?;
    let numbers: i64 = registration_rows::table.count().get_result(connection)?;
    let complete: i64 = registration_rows::table
        .filter(registration_rows::completed_at.is_not_null())
        .count()
        .get_result(connection)?;
    let folders: i64 = folders::table.count().get_result(connection)?;
    let files: i64 = files::table
        .filter(files::received_at.is_not_null())
        .count()
        .get_result(connection)?;
    let mut in_state = |state: &str| -> Stored<i64> {
        notifications::table
            .filter(notifications::state.eq(state))
            .count()
            .get_result(connection)
    };
    Ok(json!({
        "positions": positions,
        "cancelled": cancelled,
        "payments": payments,
        "numbers": numbers,
        "registrations_complete": complete,
        "folders": folders,
        "files": files,
        "notifications_sent": in_state("sent")?,
        "notifications_pending": in_state("pending")?,
        "notifications_abandoned": in_state("abandoned")?,
    }))
}

async fn list_faults(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "data": app.faults.list() }))
}

async fn set_fault(app: web::Data<App>, fault: web::Json<Fault>) -> HttpResponse {
    app.faults.set(fault.into_inner());
    list_faults(app).await
}

async fn clear_faults(app: web::Data<App>) -> HttpResponse {
    app.faults.clear();
    HttpResponse::NoContent().finish()
}

/// Positions without anything about their payers.
async fn list_positions(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let found = app.store.transaction(positions::newest).await?;
    let data: Vec<Value> = found
        .iter()
        .map(|position| {
            json!({
                "external_id": position.request.external_id,
                "organization_tax_code": position.request.organization_tax_code,
                "iuv": position.iuv,
                "notice_number": position.notice_number,
                "amount": position.request.amount,
                "kind": position.request.kind,
                "status": position.status,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

async fn list_registrations(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let found = app.store.transaction(registrations::newest).await?;
    let data: Vec<Value> = found.iter().map(registry::shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}
