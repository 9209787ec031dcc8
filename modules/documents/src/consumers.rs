//! What the module does with events: documents from acts, and what the registries made of them.

use std::sync::Arc;

use async_trait::async_trait;
use opencity_contracts::user::{UserEventReason, UserRole};
use opencity_contracts::{Application, DocumentEvent, Form, Message, Service, User};
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::events::{
    CallError, Consumer, Event, HandleError, Next, OrderingKey, Settle, Topic,
};
use opencity_kernel::id::{ActId, ApplicationId, MessageId};
use opencity_kernel::json::Json;

use crate::maker::Maker;
use crate::store::{citizen, document, folder, replica, waiting};

/// Makes one document of every act. It reads the messages and forms beside the applications, so that in one log they
/// are here when the act comes; what comes later elsewhere is waited for.
pub(crate) struct Dispatcher {
    pub ctx: ModuleContext,
    pub maker: Arc<Maker>,
}

#[async_trait]
impl Consumer for Dispatcher {
    fn name(&self) -> &'static str {
        "documents.dispatcher"
    }

    fn topics(&self) -> &'static [Topic] {
        &[
            Topic::Applications,
            Topic::Messages,
            Topic::Services,
            Topic::Forms,
        ]
    }

    /// The application: acts of one are made into documents one after the other.
    fn ordering_key(&self, event: &Event) -> OrderingKey {
        match event.topic {
            Topic::Applications => OrderingKey::Entity,
            // The key of `messages` is the application.
            Topic::Messages => OrderingKey::Other(event.key.clone()),
            _ => OrderingKey::None,
        }
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        match event.topic {
            Topic::Applications => take_application(scope, event),
            Topic::Messages => {
                let message: Message = event.body()?;
                replica::take_message(scope, &message, event.aggregate_version)?;
                let ready = awaited_by(scope, &message)?;
                Ok(if ready.is_empty() {
                    Next::Nothing
                } else {
                    Next::Call
                })
            }
            Topic::Services => {
                replica::take_service(scope, &event.body::<Service>()?, event.aggregate_version)?;
                Ok(Next::Nothing)
            }
            _ => {
                replica::take_form(scope, &event.body::<Form>()?)?;
                Ok(Next::Nothing)
            }
        }
    }

    async fn call(&self, event: &Event) -> Result<Settle, CallError> {
        let applications = match event.topic {
            Topic::Messages => {
                let message: Message = event.body()?;
                self.ctx
                    .db
                    .read::<_, DbError>(event.tenancy(), move |scope| awaited_by(scope, &message))
                    .await?
            }
            _ => vec![event.body()?],
        };
        let mut made = Vec::new();
        for application in applications {
            made.push(self.maker.make(event.tenancy(), application).await?);
        }
        Ok(Box::new(move |scope| {
            for document in made {
                document.save(scope)?;
            }
            Ok(())
        }))
    }
}

fn take_application(scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
    if event.is_republished() {
        return Ok(Next::Nothing);
    }
    let application: Application = event.body()?;
    // A change without an act, as each of another system's application, needs no document.
    let Some(act) = &application.act else {
        return Ok(Next::Nothing);
    };
    let id = ActId::from_uuid(act.id);
    if document::of_act(scope, id)?.is_some() {
        return Ok(Next::Nothing);
    }
    if let Some(form) = application.form
        && replica::form(scope, form.id.into(), form.version)?.is_none()
    {
        return Err(HandleError::temporary(
            "form-missing",
            "the version of the form that the application names is not here yet",
        ));
    }
    if replica::messages(scope, &ids(&act.message_ids))?.is_none() {
        waiting::keep(scope, id, application.id.into(), event.payload.clone())?;
        return Ok(Next::Done);
    }
    Ok(Next::Call)
}

/// The applications, as they were at their act, that waited for this message and lack no other.
fn awaited_by(scope: &mut TenantScope<'_>, message: &Message) -> DbResult<Vec<Application>> {
    let mut ready = Vec::new();
    for event in
        waiting::of_application(scope, ApplicationId::from_uuid(message.related_entity_id))?
    {
        let application: Application = event.read()?;
        let Some(act) = &application.act else {
            continue;
        };
        if act.message_ids.contains(&message.id)
            && replica::messages(scope, &ids(&act.message_ids))?.is_some()
        {
            ready.push(application);
        }
    }
    Ok(ready)
}

pub(crate) fn ids(ids: &[uuid::Uuid]) -> Vec<MessageId> {
    ids.iter().copied().map(MessageId::from_uuid).collect()
}

/// Keeps who works an application, and what the registration makes of a document.
pub(crate) struct Replica;

#[async_trait]
impl Consumer for Replica {
    fn name(&self) -> &'static str {
        "documents.replica"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications, Topic::Documents]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        if event.topic == Topic::Applications {
            replica::take_application(
                scope,
                &event.body::<Application>()?,
                event.aggregate_version,
            )?;
            return Ok(Next::Nothing);
        }
        let told: DocumentEvent = event.body()?;
        if !document::take(scope, &told, event.aggregate_version)? {
            return Ok(Next::Nothing);
        }
        if let Some(number) = &told.folder.id
            && let Some(row) = document::find(scope, told.id.into())?
        {
            folder::set_number(scope, row.folder_id, number)?;
        }
        Ok(Next::Done)
    }
}

/// Keeps who has which tax code.
pub(crate) struct Citizens;

#[async_trait]
impl Consumer for Citizens {
    fn name(&self) -> &'static str {
        "documents.citizens"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Users]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let user: User = event.body()?;
        let kept = match (user.role, user.event_reason) {
            (UserRole::User, UserEventReason::Deleted) => {
                citizen::forget(scope, user.id.into())?;
                true
            }
            (UserRole::User, _) => citizen::keep(scope, &user, event.aggregate_version)?,
            _ => false,
        };
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}

/// The body of a document's event, without the envelope.
pub(crate) fn body_of(row: &document::DocumentRow) -> DbResult<DocumentEvent> {
    let Json(body) = &row.body;
    serde::Deserialize::deserialize(body).map_err(DbError::json)
}
