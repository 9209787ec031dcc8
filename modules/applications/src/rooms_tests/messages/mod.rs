//! Messages over HTTP, and what is told of them.

mod reading;
mod telling;
mod writing;

use opencity_contracts::Message;
use opencity_contracts::message::{MessageOrigin, TransmissionType, Visibility};
use opencity_kernel::id::MessageId;

use super::*;
use crate::deliveries::DeliveriesConsumer;

fn path(application: ApplicationId) -> String {
    format!("/lang/api/applications/{application}/messages")
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|message| message["message"].as_str().unwrap().to_owned())
        .collect()
}

impl World {
    /// The events of messages so far: change and body.
    async fn told(&self) -> Vec<(String, i64, Message)> {
        let events = self.events(&[Topic::Messages]).await;
        events
            .iter()
            .map(|event| {
                (
                    event.change_type().to_owned(),
                    event.aggregate_version,
                    event.body().unwrap(),
                )
            })
            .collect()
    }

    async fn delivered(&self, message: MessageId, application: ApplicationId, status: &str) {
        let id = opencity_kernel::id::DeliveryId::new();
        let body = json!({"id": id, "application_id": application, "message_id": message, "channel": "email",
            "recipient": "applicant", "status": status, "sent_at": "2026-11-24T10:00:00+01:00",
            "created_at": "2026-11-24T10:00:00+01:00", "updated_at": "2026-11-24T10:00:00+01:00"});
        self.platform
            .database
            .write::<_, DbError>(self.tenancy, move |scope| {
                let change = Change::status(None, "sent");
                scope.emit(NewEvent::new(
                    Topic::Deliveries,
                    application,
                    id,
                    1,
                    change,
                    body,
                ))
            })
            .await
            .unwrap();
        let event = self.events(&[Topic::Deliveries]).await.pop().unwrap();
        self.take(DeliveriesConsumer(Arc::clone(&self.platform)), event)
            .await;
    }
}
