//! The file's actions as calls.

use serde_json::{Value, json};

use super::cast::Cast;
use super::place::data;

/// A call, and the status with which it succeeds.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub body: Value,
    pub success: u16,
}

/// How an action is asked for; `payable` data have an amount.
pub fn call(cast: &Cast, id: &str, facts: &str, action: &str, payable: bool) -> Call {
    let to = |method, path: &str, body, success| Call {
        method,
        path: format!("applications/{id}{path}"),
        body,
        success,
    };
    let transition = |name: &str, body| to("POST", &format!("/transition/{name}"), body, 204);
    match action.split_once(':') {
        Some(("create", status)) => {
            let mut body = json!({"service": cast.service(facts), "data": data(payable)});
            if status != "none" {
                body["status"] = json!(status);
            }
            Call {
                method: "POST",
                path: "applications".to_owned(),
                body,
                success: 201,
            }
        }
        Some(("change-status", status)) => transition(
            "change-status",
            json!({"status": status, "message": "Per errore"}),
        ),
        Some(("payment", outcome)) => to(
            "POST",
            "/payment",
            json!({"status": outcome, "status_code": "200", "status_message": "Esito"}),
            200,
        ),
        Some(("patch-protocol", act)) => {
            let key = match act {
                "application-request" => "protocol_number",
                "integration-request" => "integration_outbound_protocol_number",
                "integration-response" => "integration_inbound_protocol_number",
                _ => "outcome_protocol_number",
            };
            to("PATCH", "", json!({key: "H/1"}), 200)
        }
        _ => match action {
            "delete" => to("DELETE", "", Value::Null, 204),
            "put" => to("PUT", "", json!({"data": data(payable)}), 200),
            "patch" => to("PATCH", "", json!({"data": data(payable)}), 200),
            "backoffice" => to(
                "PUT",
                "/backoffice",
                json!({"backoffice_data": {"sopralluogo": "fatto"}}),
                201,
            ),
            "message" => to(
                "POST",
                "/messages",
                json!({"message": "Buongiorno", "visibility": "applicant"}),
                201,
            ),
            "register" => transition(
                action,
                json!({"protocol_number": "H/1", "protocol_folder_number": "F/1"}),
            ),
            "register-outcome" => transition(action, json!({"protocol_number": "H/1"})),
            "register-integration-request" => transition(
                action,
                json!({"integration_outbound_protocol_number": "H/1"}),
            ),
            "register-integration-answer" => transition(
                action,
                json!({"integration_inbound_protocol_number": "H/1"}),
            ),
            "assign" if facts == "same-assignee" => transition(
                action,
                json!({"user_id": null, "user_group_id": cast.assigned_office}),
            ),
            "assign" => transition(action, json!({"user_id": cast.enabled})),
            "request-integration" => transition(action, json!({"message": "Manca la planimetria"})),
            _ => transition(action, Value::Null),
        },
    }
}
