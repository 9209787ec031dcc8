//! What fires a webhook.

use std::fmt;

use opencity_contracts::{ApplicationStatus, DocumentStatus, PaymentStatus};
use opencity_kernel::events::{Event, Topic};
use opencity_kernel::id::ServiceId;
use serde_json::Value;
use uuid::Uuid;

/// What a webhook listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// Everything.
    All,
    /// An application comes into this state.
    Status(ApplicationStatus),
    /// Somebody writes a message.
    MessageCreated,
    /// A payment is complete.
    PaymentCompleted,
    /// A document has its protocol number.
    DocumentRegistered,
}

impl Trigger {
    /// The trigger of this name; states by their code.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self::All),
            "message_created" => Some(Self::MessageCreated),
            "payment_completed" => Some(Self::PaymentCompleted),
            "document_registered" => Some(Self::DocumentRegistered),
            code => code.parse().ok().map(Self::Status),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Status(status) => f.write_str(status.as_str()),
            Self::MessageCreated => f.write_str("message_created"),
            Self::PaymentCompleted => f.write_str("payment_completed"),
            Self::DocumentRegistered => f.write_str("document_registered"),
        }
    }
}

/// Something happened that webhooks may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// The trigger that it is of; never [`Trigger::All`].
    pub trigger: Trigger,
    /// The service that it belongs to.
    pub service: Option<ServiceId>,
    /// The application that it belongs to.
    pub application: Option<Uuid>,
}

impl Occurrence {
    /// What an event tells; `None` if no webhook is fired by such an event.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        Self::read(event.topic, &event.payload)
    }

    fn read(topic: Topic, payload: &Value) -> Option<Self> {
        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
        let id = |pointer: &str| text(pointer).and_then(|id| Uuid::parse_str(id).ok());
        let change = text("/change/type");
        // Components of others write no `change`: then the state that the event shows counts.
        let came_into = |status: &str| match change {
            Some("status") => text("/change/to") == Some(status),
            Some(_) => false,
            None => text("/status") == Some(status),
        };
        let (trigger, service, application) = match topic {
            Topic::Applications if change == Some("status") => (
                Trigger::Status(text("/change/to")?.parse().ok()?),
                id("/service_id"),
                id("/id"),
            ),
            // The platform's own message about a change of state fires nothing: the state does, by itself.
            Topic::Messages if change == Some("created") && text("/origin") != Some("status") => (
                Trigger::MessageCreated,
                id("/remote_collection/id"),
                id("/related_entity_id"),
            ),
            Topic::Payments if came_into(PaymentStatus::Complete.as_str()) => (
                Trigger::PaymentCompleted,
                id("/service_id"),
                id("/remote_id"),
            ),
            Topic::Documents if came_into(DocumentStatus::RegistrationComplete.as_str()) => (
                Trigger::DocumentRegistered,
                id("/remote_collection/id"),
                id("/remote_id"),
            ),
            _ => return None,
        };
        Some(Self {
            trigger,
            service: service.map(ServiceId::from_uuid),
            application,
        })
    }
}

/// Whether a webhook with these triggers and these services (all if empty) wants to know of it.
pub(crate) fn wants(triggers: &[Trigger], services: &[ServiceId], occurrence: &Occurrence) -> bool {
    let fires = triggers
        .iter()
        .any(|trigger| *trigger == Trigger::All || *trigger == occurrence.trigger);
    let concerns = services.is_empty()
        || occurrence
            .service
            .is_some_and(|service| services.contains(&service));
    fires && concerns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const SERVICE: &str = "68dada78-2398-4a11-b80a-98aaede3371c";
    const OTHER: &str = "94f30b5b-4b1b-4b2e-8f43-3a4d6a3d9b2a";

    fn application(change: Value) -> (Topic, Value) {
        (
            Topic::Applications,
            json!({"id": OTHER, "service_id": SERVICE, "status": "2000", "change": change}),
        )
    }

    fn message(change: &str, origin: &str) -> (Topic, Value) {
        let body = json!({
            "related_entity_id": OTHER, "origin": origin, "remote_collection": {"id": SERVICE, "type": "service"},
            "change": {"type": change},
        });
        (Topic::Messages, body)
    }

    fn fired((topic, payload): (Topic, Value)) -> Option<String> {
        Occurrence::read(topic, &payload).map(|occurrence| occurrence.trigger.to_string())
    }

    #[test]
    fn every_event_fires_what_it_should_and_nothing_else() {
        let status = |kind: &str, to: &str| json!({"type": kind, "from": null, "to": to});
        let payment = |body: Value| (Topic::Payments, body);
        let document = |body: Value| (Topic::Documents, body);
        let table: Vec<((Topic, Value), Option<&str>)> = vec![
            (application(status("status", "2000")), Some("2000")),
            (application(status("status", "7000")), Some("7000")),
            (application(status("data", "2000")), None),
            (application(status("republished", "2000")), None),
            (application(Value::Null), None),
            (message("created", "person"), Some("message_created")),
            (message("created", "status"), None),
            (message("data", "person"), None),
            (message("republished", "person"), None),
            (
                payment(json!({"status": "COMPLETE", "change": status("status", "COMPLETE")})),
                Some("payment_completed"),
            ),
            (
                payment(json!({"status": "COMPLETE"})),
                Some("payment_completed"),
            ),
            (
                payment(json!({"status": "COMPLETE", "change": status("data", "COMPLETE")})),
                None,
            ),
            (
                payment(json!({"status": "COMPLETE", "change": status("republished", "COMPLETE")})),
                None,
            ),
            (
                payment(json!({"status": "EXPIRED", "change": status("status", "EXPIRED")})),
                None,
            ),
            (
                document(json!({"change": status("status", "REGISTRATION_COMPLETE")})),
                Some("document_registered"),
            ),
            (
                document(json!({"change": status("status", "DOCUMENT_CREATED")})),
                None,
            ),
            (
                (Topic::Services, json!({"change": {"type": "created"}})),
                None,
            ),
        ];
        for (event, expected) in table {
            assert_eq!(fired(event.clone()).as_deref(), expected, "{event:?}");
        }
    }

    #[test]
    fn triggers_and_services_must_both_match() {
        let (topic, payload) = application(json!({"type": "status", "to": "2000"}));
        let sent = Occurrence::read(topic, &payload).unwrap();
        let (topic, payload) = message("created", "person");
        let written = Occurrence::read(topic, &payload).unwrap();
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| Trigger::parse(name).unwrap())
                .collect::<Vec<_>>()
        };
        let service: ServiceId = SERVICE.parse().unwrap();
        let other: ServiceId = OTHER.parse().unwrap();
        assert!(wants(&of(&["2000"]), &[], &sent));
        assert!(wants(&of(&["7000", "2000"]), &[service], &sent));
        assert!(!wants(&of(&["7000"]), &[], &sent));
        assert!(!wants(&of(&["2000"]), &[other], &sent));
        assert!(wants(&of(&["all"]), &[other, service], &sent));
        assert!(wants(&of(&["all"]), &[], &written), "all includes messages");
        assert!(!wants(&of(&["2000"]), &[], &written));
        assert!(!wants(
            &of(&["all"]),
            &[service],
            &Occurrence {
                service: None,
                ..sent
            }
        ));
    }

    #[test]
    fn unknown_triggers_are_none() {
        for name in ["", "2001", "status_submitted", "ALL"] {
            assert_eq!(Trigger::parse(name), None, "{name}");
        }
    }
}
