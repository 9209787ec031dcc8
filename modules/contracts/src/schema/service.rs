//! The schema of `services`.

use super::{
    Object, amount, count, flag, list, map, map_of, nullable, object, short, text, time, uuid,
    words,
};
use crate::service::{
    AccessLevel, PaymentRequired, ResponseType, ServiceKind, ServiceStatus, Workflow,
};

pub(super) fn service() -> Object {
    let attachment = object()
        .has(text(), "name url")
        .has(nullable(text()), "original_name")
        .has(nullable(time()), "created_at");
    let step_form = object()
        .has(nullable(uuid()), "formio_id")
        .has(nullable(text()), "url")
        .build();
    let step = object()
        .has(text(), "identifier title type")
        .has(nullable(text()), "description guide")
        .has(step_form, "parameters")
        .build();
    let gateway = object().has(text(), "identifier").has(
        object().has(nullable(uuid()), "config_id").build(),
        "parameters",
    );
    let payment = object()
        .has(nullable(amount()), "total_amounts")
        .has(list(gateway.build()), "gateways")
        .build();
    let feedback = object()
        .has(nullable(text()), "message subject")
        .has(flag(), "is_active")
        .build();
    let rule = object()
        .has(text(), "value")
        .has(uuid(), "user_group_id")
        .build();
    let assignment = object()
        .has(text(), "field")
        .has(list(rule), "rules")
        .build();
    let texts = "identifier topics topics_name service_group service_group_name short_description description howto how_to_do \
        what_you_need what_you_get costs who special_cases more_info constraints times_and_deadlines conditions compilation_info \
        final_indications booking_call_to_action external_card_url satisfy_entrypoint_id access_url protocol_handler \
        post_submit_validation_expression post_submit_validation_message";
    object()
        .has(uuid(), "tenant")
        .has(text(), "slug")
        .has(short(255), "name")
        .has(words(ServiceKind::ALL), "kind")
        .has(
            nullable(uuid()),
            "topics_id service_group_id backoffice_form_id",
        )
        .has(nullable(text()), texts)
        .has(
            list(attachment.build()),
            "costs_attachments conditions_attachments",
        )
        .has(
            list(text()),
            "coverage recipients geographic_areas life_events business_events",
        )
        .has(
            list(uuid()),
            "recipients_id geographic_areas_id user_group_ids",
        )
        .has(words(ResponseType::ALL), "response_type")
        .has(list(step), "flow_steps")
        .has(
            flag(),
            "protocol_required sticky login_suggested shared_with_group",
        )
        .has(
            flag(),
            "allow_reopening allow_withdraw allow_integration_request",
        )
        .has(map(), "protocollo_parameters integrations")
        .has(words(PaymentRequired::ALL), "payment_required")
        .has(payment, "payment_parameters")
        .has(words(ServiceStatus::ALL), "status")
        .has(words(AccessLevel::ALL), "access_level")
        .has(words(Workflow::ALL), "workflow")
        .has(nullable(time()), "scheduled_from scheduled_to created_at")
        .has(time(), "updated_at")
        .has(nullable(count()), "max_response_time")
        .has(nullable(map()), "source")
        .has(map_of(feedback), "feedback_messages")
        .has(nullable(assignment), "automatic_assignment")
}
