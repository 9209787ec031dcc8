//! Takes documents that must be registered, brings them to their registry and tells what came of it.

use std::time::Duration;

use async_trait::async_trait;
use opencity_contracts::{Application, DocumentEvent, DocumentStatus, Service};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{Tenancy, WriteScope};
use opencity_kernel::events::{
    CallError, Consumer, Event, Failure, HandleError, Next, OrderingKey, Settle, Topic,
};
use opencity_kernel::id::{ActId, DocumentId, ServiceId};

use crate::connectors::{Filing, Registries, RegistryError};
use crate::counters;
use crate::domain::numbers::{self, Numbered, Source};
use crate::files::PlatformFiles;
use crate::progress;
use crate::store::registration::Registration;
use crate::store::{config, hand_number, registration, service};

/// The one consumer of the module. It reads the applications beside the documents, so that in one log a number given by
/// hand is seen in its order.
pub(crate) struct Dispatcher {
    pub ctx: ModuleContext,
    pub registries: Registries,
}

#[async_trait]
impl Consumer for Dispatcher {
    fn name(&self) -> &'static str {
        "protocol-proxy.dispatcher"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Documents, Topic::Applications, Topic::Services]
    }

    /// Only a new document waits, behind itself: its later events are ours and do nothing here, and a number by hand
    /// must not wait for a registry that is down.
    fn ordering_key(&self, event: &Event) -> OrderingKey {
        if is_new_document(event) {
            OrderingKey::Entity
        } else {
            OrderingKey::None
        }
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        match event.topic {
            Topic::Documents if is_new_document(event) && !event.is_republished() => {
                self.take_document(scope, event)
            }
            Topic::Applications if !event.is_republished() => take_application(scope, event),
            Topic::Services => {
                service::take(scope, &event.body::<Service>()?, event.aggregate_version)?;
                Ok(Next::Nothing)
            }
            _ => Ok(Next::Nothing),
        }
    }

    async fn call(&self, event: &Event) -> Result<Settle, CallError> {
        let (tenancy, id) = (event.tenancy(), DocumentId::from_uuid(event.entity));
        let Some((connector, filing)) = self.filing(tenancy, id).await? else {
            // A number by hand was faster.
            return Ok(Box::new(|_| Ok(())));
        };
        let registry = self.registries.get(&connector).ok_or_else(|| {
            HandleError::permanent(
                "unknown-connector",
                format!("this version has no connector {connector}"),
            )
        })?;
        let files = PlatformFiles {
            ctx: self.ctx.clone(),
            tenancy,
        };
        let outcome =
            tokio::time::timeout(self.call_lease(), registry.register(&filing, &files)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(RegistryError::too_slow()));
        match outcome {
            Ok(numbered) => Ok(Box::new(move |scope| registered(scope, id, &numbered))),
            Err(error) => {
                if error.provider {
                    counters::provider_error();
                }
                if let Some(numbered) = error.reserved.clone() {
                    self.ctx
                        .db
                        .write(tenancy, move |scope| reserved(scope, id, &numbered))
                        .await?;
                }
                let (kind, detail) = (error.kind, error.detail);
                Err(if error.permanent {
                    HandleError::permanent(kind, detail)
                } else {
                    HandleError::temporary(kind, detail)
                })
            }
        }
    }

    fn give_up(
        &self,
        scope: &mut WriteScope<'_>,
        event: &Event,
        failure: &Failure,
    ) -> Result<(), HandleError> {
        if !is_new_document(event) {
            return Ok(());
        }
        let Some(mut row) = registration::find(scope, event.entity.into())? else {
            return Ok(());
        };
        if !row.status()?.can_become(DocumentStatus::RegistrationFailed) {
            return Ok(());
        }
        counters::failed();
        row.failure = Some(format!("{}: {}", failure.kind, failure.detail));
        progress::change(scope, row, |document| {
            document.status = DocumentStatus::RegistrationFailed;
            document.call_in_flight_until = None;
        })?;
        Ok(())
    }
}

/// Whether the event is the first of a document, as it was written or as a retry brings it again.
fn is_new_document(event: &Event) -> bool {
    event.topic == Topic::Documents
        && event
            .payload
            .get("status")
            .and_then(serde_json::Value::as_str)
            == Some(DocumentStatus::DocumentCreated.as_str())
}

impl Dispatcher {
    /// How long a call may take; after that the kernel may make it again.
    fn call_lease(&self) -> Duration {
        Duration::from_secs(self.ctx.platform.config.events.call_lease_seconds)
    }

    fn take_document(
        &self,
        scope: &mut WriteScope<'_>,
        event: &Event,
    ) -> Result<Next, HandleError> {
        let mut document: DocumentEvent =
            event.body().inspect_err(|_| counters::validation_error())?;
        document.retry_meta = None;
        let service = ServiceId::from_uuid(document.remote_collection.id);
        match service::protocol_required(scope, service)? {
            None => {
                return Err(HandleError::temporary(
                    "service-missing",
                    "the service of the document is not here yet",
                ));
            }
            Some(false) => return Ok(Next::Nothing),
            Some(true) => {}
        }
        let row = match registration::find(scope, document.id.into())? {
            Some(row) => row,
            None => registration::insert(scope, &document, event.aggregate_version)?,
        };
        if row.is_complete() {
            return Ok(Next::Nothing);
        }
        if let Some(numbered) = hand_number::first(scope, row.act_id)? {
            by_hand(scope, row, &numbered)?;
            return Ok(Next::Done);
        }
        let Some((_, of_service)) = config::in_force(scope, service)? else {
            return Ok(Next::Nothing);
        };
        self.claim(scope, row, of_service.connector)?;
        Ok(Next::Call)
    }

    /// Says that a registry has the document, and until when a call to it may be under way.
    fn claim(
        &self,
        scope: &mut WriteScope<'_>,
        mut row: Registration,
        connector: String,
    ) -> Result<(), HandleError> {
        row.connector = Some(connector);
        row.failure = None;
        let until = clock::now().plus(self.call_lease()).utc();
        progress::change(scope, row, move |document| {
            if document
                .status
                .can_become(DocumentStatus::RegistrationPending)
            {
                document.status = DocumentStatus::RegistrationPending;
            }
            document.call_in_flight_until = Some(until);
        })?;
        Ok(())
    }

    /// What to register and by which connector; `None` if there is nothing left to do.
    async fn filing(
        &self,
        tenancy: Tenancy,
        id: DocumentId,
    ) -> Result<Option<(String, Filing)>, HandleError> {
        self.ctx
            .db
            .read(tenancy, move |scope| {
                let Some(row) = registration::find(scope, id)?.filter(|row| !row.is_complete())
                else {
                    return Ok(None);
                };
                let connector = row.connector.clone().unwrap_or_default();
                let of_tenant = config::of_tenant(scope, &connector)?;
                let of_service = config::of_service(scope, &connector, row.service_id)?;
                let (Some(of_tenant), Some(of_service)) = (of_tenant, of_service) else {
                    return Err(HandleError::permanent(
                        "not-configured",
                        "the configuration of the registry is gone",
                    ));
                };
                let filing = Filing {
                    document: row.body.read()?,
                    tenant_parameters: of_tenant.parameters.read()?,
                    service_parameters: of_service.parameters.read()?,
                };
                Ok(Some((connector, filing)))
            })
            .await
    }
}

/// Keeps the present acts of an application and the numbers that they were given by hand.
fn take_application(scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
    let application: Application = event.body()?;
    let service = ServiceId::from_uuid(application.service_id);
    if service::protocol_required(scope, service)? == Some(false) {
        return Ok(Next::Nothing);
    }
    if let Some(act) = &application.act {
        hand_number::set_act(scope, application.id.into(), act.kind, act.id.into())?;
    }
    let mut next = Next::Nothing;
    for (kind, numbered) in numbers::of_application(&application) {
        // The number that we told, or one that is known already, of this act or of an earlier one.
        let known = registration::of_application(scope, application.id.into(), kind)?;
        let same = |row: &Registration| {
            [&row.number, &row.second_number]
                .into_iter()
                .flatten()
                .any(|number| *number == numbered.number)
        };
        if known.iter().any(same) {
            continue;
        }
        let act = match hand_number::act(scope, application.id.into(), kind)? {
            Some(act) => act,
            // An act from before this replica began: its document is the newest one, or there is none.
            None => match known.first() {
                Some(row) => row.act_id,
                None => continue,
            },
        };
        if hand_number::keep(scope, act, &numbered)? {
            given_by_hand(scope, act, &numbered)?;
            next = Next::Done;
        }
    }
    Ok(next)
}

/// A number was given to an act by hand: it completes the act's document, or is kept beside the first number.
fn given_by_hand(
    scope: &mut WriteScope<'_>,
    act: ActId,
    numbered: &Numbered,
) -> Result<(), HandleError> {
    match registration::of_act(scope, act)? {
        // The document is still to come, and will find the number.
        None => Ok(()),
        Some(row) if row.is_complete() => second(scope, row, numbered, Source::Hand),
        Some(row) => by_hand(scope, row, numbered).map(|_| ()),
    }
}

fn by_hand(
    scope: &mut WriteScope<'_>,
    row: Registration,
    numbered: &Numbered,
) -> Result<Registration, HandleError> {
    let numbered = numbered.clone();
    progress::change(scope, row, move |document| {
        // A registry may have reserved a number of its own, which then belongs to nothing.
        let reserved = document.registration_data.document_number.take();
        numbers::complete(document, &numbered, clock::now().utc());
        if let Some(number) = reserved.filter(|number| *number != numbered.number) {
            let reserved = Numbered {
                number,
                document_id: None,
                date: None,
                folder_number: None,
            };
            numbers::keep_second(document, &reserved, Source::Registry);
        }
    })
}

/// The registry has registered the document.
fn registered(
    scope: &mut WriteScope<'_>,
    id: DocumentId,
    numbered: &Numbered,
) -> Result<(), HandleError> {
    let Some(mut row) = registration::find(scope, id)? else {
        return Err(HandleError::permanent(
            "registration-missing",
            "the row of the registration is gone",
        ));
    };
    if !row.is_complete()
        && let Some(hand) = hand_number::first(scope, row.act_id)?
    {
        row = by_hand(scope, row, &hand)?;
    }
    if row.is_complete() {
        if row.number.as_deref() != Some(numbered.number.as_str()) {
            second(scope, row, numbered, Source::Registry)?;
        }
        return Ok(());
    }
    counters::success();
    let numbered = numbered.clone();
    progress::change(scope, row, move |document| {
        numbers::complete(document, &numbered, clock::now().utc())
    })?;
    Ok(())
}

/// The registry has given a number and still lacks a file.
fn reserved(
    scope: &mut WriteScope<'_>,
    id: DocumentId,
    numbered: &Numbered,
) -> Result<(), HandleError> {
    let Some(row) = registration::find(scope, id)? else {
        return Ok(());
    };
    if !row
        .status()?
        .can_become(DocumentStatus::PartialRegistration)
    {
        return Ok(());
    }
    let numbered = numbered.clone();
    progress::change(scope, row, move |document| {
        numbers::reserve(document, &numbered, clock::now().utc())
    })?;
    Ok(())
}

/// A number came second: it is kept, and somebody has to look at it.
fn second(
    scope: &mut WriteScope<'_>,
    mut row: Registration,
    numbered: &Numbered,
    source: Source,
) -> Result<(), HandleError> {
    tracing::warn!(id = %row.document_id, remote_id = %row.application_id, "a second protocol number came for a registered document; the first one stays");
    row.second_number = Some(numbered.number.clone());
    let numbered = numbered.clone();
    progress::change(scope, row, move |document| {
        numbers::keep_second(document, &numbered, source)
    })?;
    Ok(())
}
