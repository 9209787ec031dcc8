//! What is sent: the object as it was when the event happened.

use opencity_kernel::events::Topic;
use opencity_kernel::id::{EventId, TenantId};
use serde_json::{Map, Value, json};

/// What a body needs beside the event.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The event as it was first written.
    pub event_id: EventId,
    /// The tenant.
    pub tenant: TenantId,
    /// The service's slug, if it is known.
    pub service: Option<String>,
    /// The application's address in the API, if there is an application.
    pub application_url: Option<String>,
}

/// Keys of events that are for our own modules.
const INTERNAL: &[&str] = &["retry_meta", "submission", "form", "act"];
/// What Form.io writes beside the data of a nested form.
const BOOKKEEPING: &[&str] = &[
    "metadata",
    "state",
    "form",
    "owner",
    "roles",
    "access",
    "_id",
    "_vid",
    "_fvid",
    "externalIds",
    "created",
    "modified",
];

/// The body for a webhook of this version (1: flat data, 2: nested data).
pub(crate) fn build(topic: Topic, event: &Value, version: i64, around: &Surroundings) -> Value {
    let mut body = event.as_object().cloned().unwrap_or_default();
    let submission = body
        .get("submission")
        .filter(|data| data.as_object().is_some_and(|data| !data.is_empty()))
        .cloned();
    for key in INTERNAL {
        body.shift_remove(*key);
    }
    body.insert("event_id".to_owned(), json!(around.event_id));
    if topic == Topic::Applications
        && version >= 2
        && let Some(submission) = submission
    {
        body.insert("data".to_owned(), nested(&submission));
    }
    fill(&mut body, "tenant", json!(around.tenant));
    fill(&mut body, "service", json!(around.service));
    fill(&mut body, "authentication", Value::Null);
    link(&mut body, around);
    Value::Object(body)
}

fn fill(body: &mut Map<String, Value>, key: &str, value: Value) {
    match body.get_mut(key) {
        Some(present) if !present.is_null() => {}
        _ => drop(body.insert(key.to_owned(), value)),
    }
}

/// Sees to it that one of the links leads to the application. A payment's links are an object of its own
/// form, which stays.
fn link(body: &mut Map<String, Value>, around: &Surroundings) {
    let Some(url) = &around.application_url else {
        return;
    };
    fill(body, "links", json!([]));
    let Some(Value::Array(links)) = body.get_mut("links") else {
        return;
    };
    let id = url.rsplit('/').next().unwrap_or_default();
    let leads_there = |link: &Value| {
        link.get("url")
            .and_then(Value::as_str)
            .is_some_and(|url| url.contains(id))
    };
    if !links.iter().any(leads_there) {
        links.push(json!({"action": "view", "description": null, "url": url}));
    }
}

/// Form.io's data without the `data` wrapper of nested forms. The form is not at hand here, so a wrapper is
/// known by its look: an object `data`, with nothing beside it but Form.io's own bookkeeping.
fn nested(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("data") {
            Some(Value::Object(inner))
                if map
                    .keys()
                    .all(|key| key == "data" || BOOKKEEPING.contains(&key.as_str())) =>
            {
                Value::Object(
                    inner
                        .iter()
                        .map(|(key, value)| (key.clone(), nested(value)))
                        .collect(),
                )
            }
            _ => Value::Object(
                map.iter()
                    .map(|(key, value)| (key.clone(), nested(value)))
                    .collect(),
            ),
        },
        Value::Array(items) => items.iter().map(nested).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const APPLICATION: &str = "68dada78-2398-4a11-b80a-98aaede3371c";

    fn around() -> Surroundings {
        Surroundings {
            event_id: EventId::new(),
            tenant: TenantId::new(),
            service: Some("segnalazione".to_owned()),
            application_url: Some(format!(
                "https://bugliano.example/lang/api/applications/{APPLICATION}"
            )),
        }
    }

    fn event() -> Value {
        json!({
            "id": APPLICATION, "event_id": "x", "service": "segnalazione", "status": "2000", "subject": null,
            "data": {"applicant.data.completename.data.name": "Maria", "rows.0.key": 1},
            "submission": {
                "applicant": {"data": {"completename": {"data": {"name": "Maria"}, "metadata": {}}}},
                "rows": [{"key": 1}], "address": {"data": "a field of that name", "number": 3}, "empty": {},
            },
            "authentication": {"authentication_method": "spid"}, "links": [], "act": {"id": "y"}, "retry_meta": null,
        })
    }

    #[test]
    fn version_one_has_the_flat_data_and_version_two_the_nested_ones() {
        let flat = build(Topic::Applications, &event(), 1, &around());
        assert_eq!(
            flat["data"]["applicant.data.completename.data.name"],
            "Maria"
        );
        let nested = build(Topic::Applications, &event(), 2, &around());
        assert_eq!(
            nested["data"],
            json!({
                "applicant": {"completename": {"name": "Maria"}}, "rows": [{"key": 1}],
                "address": {"data": "a field of that name", "number": 3}, "empty": {},
            })
        );
    }

    #[test]
    fn receivers_find_what_they_need_and_nothing_of_ours() {
        let around = around();
        let body = build(Topic::Applications, &event(), 1, &around);
        assert_eq!(body["tenant"], json!(around.tenant));
        assert_eq!(body["event_id"], json!(around.event_id));
        assert_eq!(body["service"], "segnalazione");
        assert_eq!(body["authentication"]["authentication_method"], "spid");
        assert!(
            body["links"][0]["url"]
                .as_str()
                .unwrap()
                .contains(APPLICATION)
        );
        assert!(
            body.as_object().unwrap().contains_key("subject"),
            "keys with null stay"
        );
        for key in INTERNAL {
            assert!(body.get(key).is_none(), "{key}");
        }
    }

    #[test]
    fn the_links_of_a_payment_stay_as_they_are() {
        let payment =
            json!({"id": "x", "links": {"online_payment_begin": {"url": "https://pay.example"}}});
        let body = build(Topic::Payments, &payment, 1, &around());
        assert_eq!(body["links"], payment["links"]);
        assert_eq!(body["service"], "segnalazione");
    }

    #[test]
    fn a_link_that_leads_to_the_application_is_not_added_twice() {
        let mut event = event();
        event["links"] = json!([{"action": "assign", "url": format!("https://b.example/lang/api/applications/{APPLICATION}/transition/assign")}]);
        assert_eq!(
            build(Topic::Applications, &event, 1, &around())["links"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}
