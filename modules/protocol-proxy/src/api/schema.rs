//! The form that an administrator fills in.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AdministratorOnly, Auth};
use opencity_kernel::problem::ProblemBody;
use serde_json::{Value, json};

use super::State;

#[utoipa::path(
    get, path = "/protocol-proxy/{connector}/v1/schema", operation_id = "protocol-proxy.schema.read", tag = "protocol-proxy",
    summary = "The Form.io form of a service's configuration",
    description = "For the page on which an administrator configures it.",
    params(("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox")),
    responses(
        (status = 200, body = Object, description = "The form"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn schema(
    path: web::Path<String>,
    _caller: Auth<AdministratorOnly>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let registry = state.registry(&path)?;
    let uuid = "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX";
    let mut components = vec![
        text("tenant_id", "UUID dell'ente", uuid, true),
        text("id", "UUID del Servizio", uuid, true),
        text(
            "description",
            "Descrizione del servizio",
            "Occupazione di suolo pubblico",
            false,
        ),
    ];
    components.extend(registry.form_components());
    Ok(HttpResponse::Ok()
        .json(json!({ "display": "form", "settings": null, "components": components })))
}

fn text(key: &str, label: &str, placeholder: &str, hidden: bool) -> Value {
    json!({
        "label": label, "placeholder": placeholder, "applyMaskOn": "change", "hidden": hidden, "tableView": true,
        "validate": { "required": true }, "key": key, "type": "textfield", "input": true,
    })
}
