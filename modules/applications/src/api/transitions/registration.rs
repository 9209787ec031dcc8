//! Protocol numbers by hand.

use opencity_kernel::FieldProblem;
use opencity_kernel::instant::Instant;

use super::*;
use crate::api::short;
use crate::engine::Number;

/// The number of the request.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Registration, example = json!({"protocol_number": "2025/1042", "protocol_folder_number": "6.3-12"}))]
#[serde(default)]
pub struct Registration {
    /// Protocol number.
    #[schema(value_type = String, required = true, max_length = 255)]
    pub protocol_number: Option<String>,
    /// The registry's number of the folder.
    #[schema(value_type = String, required = true, max_length = 255)]
    pub protocol_folder_number: Option<String>,
    /// The folder's title.
    #[schema(max_length = 255)]
    pub protocol_folder_code: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub protocol_document_id: Option<String>,
    /// When it was registered.
    pub protocolled_at: Option<Instant>,
}

/// The number of the outcome.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = OutcomeRegistration, example = json!({"protocol_number": "2025/1099"}))]
#[serde(default)]
pub struct OutcomeRegistration {
    /// Protocol number.
    #[schema(value_type = String, required = true, max_length = 255)]
    pub protocol_number: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub protocol_document_id: Option<String>,
    /// When it was registered.
    pub protocolled_at: Option<Instant>,
}

/// The number of a request for integrations.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = OutboundRegistration, example = json!({"integration_outbound_protocol_number": "2025/1050"}))]
#[serde(default)]
pub struct Outbound {
    /// Protocol number.
    #[schema(value_type = String, required = true, max_length = 255)]
    pub integration_outbound_protocol_number: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_outbound_protocolled_at: Option<Instant>,
}

/// The number of an answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = InboundRegistration, example = json!({"integration_inbound_protocol_number": "2025/1061"}))]
#[serde(default)]
pub struct Inbound {
    /// Protocol number.
    #[schema(value_type = String, required = true, max_length = 255)]
    pub integration_inbound_protocol_number: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_inbound_protocolled_at: Option<Instant>,
}

transitions! {
    register "/lang/api/applications/{id}/transition/register" "applications.transition.register"
        "Give the protocol number of the request"
        "The back office, never the applicant, gives the number by hand: from 2000 to 3000, where the service has \
         `protocol_required`, the request has no number yet, and no registry is being asked for it. The number is kept \
         with the request's document."
        Registration (Registration) Action::Register;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let needed = [
                ("protocol_number", body.protocol_number.as_deref()),
                ("protocol_folder_number", body.protocol_folder_number.as_deref()),
            ];
            let others = [
                ("protocol_folder_code", body.protocol_folder_code.as_deref()),
                ("protocol_document_id", body.protocol_document_id.as_deref()),
            ];
            may_be_given(work, Action::Register, &needed, &others)?;
            given(work, Action::Register, Number {
                number: body.protocol_number,
                document_id: body.protocol_document_id,
                folder_number: body.protocol_folder_number,
                folder_code: body.protocol_folder_code,
                at: body.protocolled_at,
            })
        }).await
    }

    register_outcome "/lang/api/applications/{id}/transition/register-outcome" "applications.transition.registerOutcome"
        "Give the protocol number of the outcome"
        "The back office, never the applicant, gives the number by hand: from 6000 to 7000, from 8000 to 9000, when the \
         outcome has no number yet, and no registry is being asked for it. The number is kept with the outcome's \
         document."
        OutcomeRegistration (OutcomeRegistration) Action::RegisterOutcome;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let needed = [("protocol_number", body.protocol_number.as_deref())];
            let others = [("protocol_document_id", body.protocol_document_id.as_deref())];
            may_be_given(work, Action::RegisterOutcome, &needed, &others)?;
            given(work, Action::RegisterOutcome, Number {
                number: body.protocol_number,
                document_id: body.protocol_document_id,
                at: body.protocolled_at,
                ..Number::default()
            })
        }).await
    }

    register_integration_request "/lang/api/applications/{id}/transition/register-integration-request"
        "applications.transition.registerIntegrationRequest"
        "Give the protocol number of the request for integrations"
        "The back office, never the applicant, gives the number by hand: from 4100 to 4200, where the service has \
         `protocol_required`, the request for integrations has no number yet, and no registry is being asked for it."
        Outbound (Outbound) Action::RegisterIntegrationRequest;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let number = body.integration_outbound_protocol_number;
            let document_id = body.integration_outbound_protocol_document_id;
            let needed = [("integration_outbound_protocol_number", number.as_deref())];
            let others = [("integration_outbound_protocol_document_id", document_id.as_deref())];
            may_be_given(work, Action::RegisterIntegrationRequest, &needed, &others)?;
            given(work, Action::RegisterIntegrationRequest, Number {
                number,
                document_id,
                at: body.integration_outbound_protocolled_at,
                ..Number::default()
            })
        }).await
    }

    register_integration_answer "/lang/api/applications/{id}/transition/register-integration-answer"
        "applications.transition.registerIntegrationAnswer"
        "Give the protocol number of the answer"
        "The back office, never the applicant, gives the number by hand: from 4300 to 4400 and on to 4000, where the \
         service has `protocol_required`, the answer has no number yet, and no registry is being asked for it. The \
         request for integrations is closed."
        Inbound (Inbound) Action::RegisterIntegrationAnswer;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let number = body.integration_inbound_protocol_number;
            let document_id = body.integration_inbound_protocol_document_id;
            let needed = [("integration_inbound_protocol_number", number.as_deref())];
            let others = [("integration_inbound_protocol_document_id", document_id.as_deref())];
            may_be_given(work, Action::RegisterIntegrationAnswer, &needed, &others)?;
            given(work, Action::RegisterIntegrationAnswer, Number {
                number,
                document_id,
                at: body.integration_inbound_protocolled_at,
                ..Number::default()
            })
        }).await
    }
}

/// Whether a number may be given by hand, and what is missing or too long. Who and when come before what is in the body.
fn may_be_given(
    work: &mut Work<'_, '_>,
    action: Action,
    needed: &[(&str, Option<&str>)],
    others: &[(&str, Option<&str>)],
) -> Result<(), Problem> {
    work.check(action, Circumstances::default())?;
    let missing: Vec<FieldProblem> = needed
        .iter()
        .filter(|(_, text)| text.is_none_or(|text| text.trim().is_empty()))
        .map(|(field, _)| FieldProblem::new(*field, "required", "Give this field a value."))
        .collect();
    if !missing.is_empty() {
        return Err(Problem::validation(missing));
    }
    short(needed.iter().chain(others).copied())
}

fn given(work: &mut Work<'_, '_>, action: Action, number: Number) -> Result<(), Problem> {
    work.apply(
        action,
        Inputs {
            number,
            ..Inputs::default()
        },
    )
}
