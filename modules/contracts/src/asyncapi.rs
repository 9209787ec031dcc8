//! The description of the topics for `/asyncapi.json`.

use serde_json::{Map, Value, json};

use crate::schema::schema;
use crate::topics::{KeyRule, Topic, Writers};

/// An AsyncAPI 3.0 document with a channel and a message for each topic. `version` is that of the program that serves it.
#[must_use]
pub fn asyncapi(topics: &[Topic], title: &str, version: &str) -> Value {
    let mut channels = Map::new();
    let mut messages = Map::new();
    for topic in topics {
        let name = topic.as_str();
        let message = json!({ name: {"$ref": format!("#/components/messages/{name}")} });
        channels.insert(name.to_owned(), channel(*topic, message));
        messages.insert(name.to_owned(), message_of(*topic));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "channels": channels,
        "components": {"messages": messages}
    })
}

fn channel(topic: Topic, messages: Value) -> Value {
    let spec = topic.spec();
    let writers = match spec.writers {
        Writers::Modules(modules) => json!(modules),
        Writers::AnyConsumer => json!(["*"]),
    };
    json!({"address": topic.as_str(), "messages": messages, "x-compacted": spec.compacted, "x-writers": writers})
}

fn message_of(topic: Topic) -> Value {
    let key = match topic.spec().key {
        KeyRule::Tenant => "tenant_id",
        KeyRule::Entity => "id",
        KeyRule::Service => "service_id",
        KeyRule::Application => "id of the application",
        KeyRule::Remote => "remote_id",
    };
    json!({
        "name": topic.as_str(),
        "contentType": "application/json",
        "bindings": {"kafka": {"key": {"type": "string", "description": key}}},
        "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": schema(topic)}
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;

    #[test]
    fn every_reference_leads_to_a_message() {
        let document = asyncapi(Topic::ALL, "Opencity", "0.1.0");
        for topic in Topic::ALL {
            let name = topic.as_str();
            let reference = document["channels"][name]["messages"][name]["$ref"]
                .as_str()
                .unwrap();
            let message = document.pointer(reference.trim_start_matches('#')).unwrap();
            assert_eq!(message["name"], name);
            assert!(message["payload"]["schema"]["properties"].is_object());
        }
    }

    #[test]
    fn only_the_topics_asked_for_are_described() {
        let document = asyncapi(&[Topic::Payments], "Opencity", "0.1.0");
        assert_eq!(
            document["channels"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<Vec<_>>(),
            ["payments"]
        );
    }
}
