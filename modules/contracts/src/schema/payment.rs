//! The schema of `payments`.

use serde_json::{Value, json};

use super::{Object, amount, list, map, nullable, object, short, text, time, uuid, words};
use crate::payment::{HttpMethod, PaymentStatus, PaymentType, PersonType};

pub(super) fn payment() -> Object {
    let payer = object()
        .has(words(PersonType::ALL), "type")
        .has(
            json!({"type": "string", "minLength": 1, "maxLength": 255}),
            "tax_identification_number name",
        )
        .may_have(
            nullable(text()),
            "family_name street_name building_number postal_code town_name",
        )
        .may_have(nullable(text()), "country_subdivision country email")
        .build();
    object()
        .has(uuid(), "user_id service_id remote_id")
        .has(short(50), "type")
        .has(time(), "created_at updated_at")
        .has(words(PaymentStatus::ALL), "status")
        .may_have(nullable(short(140)), "reason")
        .may_have(nullable(text()), "locale")
        .may_have(json!({"type": "integer", "minimum": 1}), "attempt")
        .may_have(
            json!({"type": "string", "pattern": "^(amount|stamp:[0-9]+)$", "examples": ["amount"]}),
            "item",
        )
        .has(payment_details(), "payment")
        .has(payment_links(), "links")
        .has(payer.clone(), "payer")
        .may_have(nullable(payer), "debtor")
}

fn payment_details() -> Value {
    let receiver = object()
        .has(
            json!({"type": "string", "pattern": "^[0-9]{11}$", "examples": ["77777777777"]}),
            "tax_identification_number",
        )
        .has(text(), "name")
        .may_have(
            nullable(text()),
            "iban address building_number postal_code town_name country_subdivision country",
        )
        .build();
    let document = object()
        .has(
            json!({"type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$", "examples": [format!("sha256:{}", "0".repeat(64))]}),
            "hash",
        )
        .may_have(nullable(text()), "id ref")
        .build();
    let split = object()
        .has(text(), "code")
        .has(nullable(amount()), "amount")
        .has(map(), "meta")
        .build();
    object()
        .has(json!({"const": "EUR"}), "currency")
        .has(
            json!({"type": "string", "minLength": 1, "maxLength": 50}),
            "iud",
        )
        .has(list(split), "split")
        .may_have(nullable(short(255)), "transaction_id")
        .may_have(nullable(time()), "paid_at expire_at")
        .may_have(nullable(amount()), "amount")
        .may_have(nullable(words(PaymentType::ALL)), "type")
        .may_have(nullable(short(50)), "notice_code iuv")
        .may_have(nullable(receiver), "receiver")
        .may_have(nullable(text()), "due_type pagopa_category")
        .may_have(nullable(document), "document")
        .build()
}

fn payment_links() -> Value {
    let called = || {
        object()
            .may_have(nullable(text()), "url")
            .may_have(nullable(words(HttpMethod::ALL)), "method")
    };
    let opened = called()
        .may_have(nullable(time()), "last_opened_at")
        .build();
    let notify = called().may_have(nullable(time()), "sent_at").build();
    let update = called()
        .may_have(nullable(time()), "last_check_at next_check_at")
        .build();
    object()
        .has(
            opened.clone(),
            "online_payment_begin online_payment_landing offline_payment receipt",
        )
        .may_have(nullable(list(notify)), "notify")
        .has(update, "update")
        .may_have(opened, "confirm cancel")
        .build()
}
