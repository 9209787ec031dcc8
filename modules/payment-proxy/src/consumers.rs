//! What the module listens to.

use async_trait::async_trait;
use opencity_contracts::PaymentEvent;
use opencity_contracts::payment::{PaymentStatus, Receiver};
use opencity_kernel::db::{DbError, WriteScope};
use opencity_kernel::directory;
use opencity_kernel::events::{
    CallError, Consumer, Event, Failure, HandleError, Next, OrderingKey, Settle, Topic,
};
use opencity_kernel::id::{ApplicationId, PaymentId};
use serde_json::Value;

use crate::connectors::{ConnectorError, Position};
use crate::domain::settings::ConfigSettings;
use crate::proxy::{DEBTS_TASK, Proxy, ProxyError, Served, first_check, provider_error};
use crate::store::application::{self, ApplicationRow};
use crate::store::debt::{self, Debt};

/// The payment type that pagoPA's proxies serve.
const PAGOPA: &str = "PAGOPA";

/// Takes payments over: creates their positions, and keeps dues that are new.
pub struct Debts(pub Proxy);

impl Debts {
    /// The payment, if it is one that this proxy takes over now.
    fn taken(
        &self,
        scope: &mut WriteScope<'_>,
        event: &Event,
    ) -> Result<Option<(PaymentEvent, Served)>, HandleError> {
        let text = |key: &str| event.payload.get(key).and_then(Value::as_str);
        let status = text("status").and_then(|status| status.parse().ok());
        let wanted = matches!(
            status,
            Some(PaymentStatus::CreationPending | PaymentStatus::PaymentPending)
        );
        if !wanted
            || event.is_republished()
            || debt::find(scope, PaymentId::from_uuid(event.entity))?.is_some()
        {
            return Ok(None);
        }
        let payment: PaymentEvent = match opencity_contracts::read(&event.payload) {
            Ok(payment) => payment,
            Err(error) => return Err(invalid(error.to_string())),
        };
        let Some(served) = self.0.served(scope, &payment)? else {
            tracing::debug!(event_id = %event.event_id, "no active configuration of ours serves this payment");
            return Ok(None);
        };
        if payment.kind != PAGOPA {
            metrics::counter!("oc_payment_validation_errors_total").increment(1);
            tracing::error!(event_id = %event.event_id, "a payment of another type than PAGOPA was discarded");
            return Ok(None);
        }
        if let Err(rules) = payment.validate() {
            return Err(invalid(
                rules
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            ));
        }
        Ok(Some((payment, served)))
    }

    /// Keeps a due, and writes the links that it lacks.
    fn keep_due(
        &self,
        scope: &mut WriteScope<'_>,
        event: &Event,
        payment: PaymentEvent,
        served: &Served,
    ) -> Result<(), HandleError> {
        let site = directory::tenant_in(scope)?.ok_or_else(no_site)?;
        let base_url = self.0.ctx.platform.public_url(&site);
        let id = payment.id;
        let mut due = debt::taken(
            scope.tenant_id(),
            served.connector.id(),
            payment,
            event.aggregate_version,
        );
        let missing = self
            .0
            .links(&base_url, served.connector.id())
            .complete(&mut due.payment.links, id);
        due.row.next_check_at = Some(first_check());
        if missing {
            due.add(scope)?
        } else {
            due.add_quietly(scope)?
        }
        Ok(())
    }
}

fn invalid(detail: String) -> HandleError {
    metrics::counter!("oc_payment_validation_errors_total").increment(1);
    HandleError::permanent("invalid-payment", detail)
}

fn no_site() -> HandleError {
    HandleError::temporary(
        "unknown-tenant",
        "the tenant of the payment is not known here yet",
    )
}

#[async_trait]
impl Consumer for Debts {
    fn name(&self) -> &'static str {
        "payment-proxy.debts"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Payments]
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let Some((payment, served)) = self.taken(scope, event)? else {
            return Ok(Next::Nothing);
        };
        if payment.status == PaymentStatus::PaymentPending {
            self.keep_due(scope, event, payment, &served)?;
            return Ok(Next::Done);
        }
        let remote = ApplicationId::from_uuid(payment.remote_id);
        if application::awaits_payment(scope, remote, i64::from(payment.attempt))? {
            return Ok(Next::Call);
        }
        // The application went on before anything was created: nothing is.
        let mut unwanted = debt::taken(
            scope.tenant_id(),
            served.connector.id(),
            payment,
            event.aggregate_version,
        );
        unwanted.payment.status = PaymentStatus::Canceled;
        unwanted.add(scope)?;
        Ok(Next::Done)
    }

    async fn call(&self, event: &Event) -> Result<Settle, CallError> {
        let proxy = self.0.clone();
        let payment: PaymentEvent =
            opencity_contracts::read(&event.payload).map_err(|error| invalid(error.to_string()))?;
        let tenancy = event.tenancy();
        let served = {
            let (proxy, payment) = (proxy.clone(), payment.clone());
            proxy
                .ctx
                .db
                .clone()
                .read::<_, DbError>(tenancy, move |scope| proxy.served(scope, &payment))
                .await?
        };
        let served = served.ok_or_else(|| {
            HandleError::temporary(
                "not-configured",
                "the configuration that served the payment is not active any more",
            )
        })?;
        let site = proxy
            .ctx
            .platform
            .directory
            .tenant(event.tenant_id())
            .await?
            .ok_or_else(no_site)?;
        let created = match proxy.position(&payment, &served, &site) {
            Ok(position) => served
                .connector
                .create(&position)
                .await
                .map_err(ProxyError::from),
            Err(error) => Err(error),
        };
        let connector = served.connector.id();
        let version = event.aggregate_version;
        match created {
            Ok(position) => {
                let settings: ConfigSettings = served.config.body.read()?;
                let base_url = proxy.ctx.platform.public_url(&site);
                Ok(Box::new(move |scope| {
                    let mut made = debt::taken(scope.tenant_id(), connector, payment, version);
                    fill(&mut made, position, settings);
                    let id = made.payment.id;
                    proxy
                        .links(&base_url, connector)
                        .complete(&mut made.payment.links, id);
                    if !application::awaits_payment(scope, made.row.remote_id, made.row.attempt)? {
                        made.row.cancel_at = Some(opencity_kernel::clock::now());
                        proxy.ctx.platform.wakes.after_commit(scope, DEBTS_TASK);
                    }
                    add_once(scope, made)?;
                    metrics::counter!("oc_payment_created_total", "connector" => connector)
                        .increment(1);
                    Ok(())
                }))
            }
            Err(ProxyError::Connector(ConnectorError::Refused(why))) => {
                provider_error(connector);
                tracing::error!(connector, payment = %payment.id, why, "the intermediary refused a payment");
                Ok(Box::new(move |scope| {
                    let mut failed = debt::taken(scope.tenant_id(), connector, payment, version);
                    failed.payment.status = PaymentStatus::CreationFailed;
                    add_once(scope, failed)
                }))
            }
            Err(ProxyError::Database(error)) => Err(error.into()),
            Err(error) => {
                provider_error(connector);
                Err(HandleError::temporary(
                    "intermediary-unavailable",
                    error.to_string(),
                ))
            }
        }
    }

    /// The attempts are used up: the payment could not be created.
    fn give_up(
        &self,
        scope: &mut WriteScope<'_>,
        event: &Event,
        _failure: &Failure,
    ) -> Result<(), HandleError> {
        let Ok(payment) = opencity_contracts::read::<PaymentEvent>(&event.payload) else {
            return Ok(());
        };
        if payment.status != PaymentStatus::CreationPending {
            return Ok(());
        }
        let Some(served) = self.0.served(scope, &payment)? else {
            return Ok(());
        };
        let mut failed = debt::taken(
            scope.tenant_id(),
            served.connector.id(),
            payment,
            event.aggregate_version,
        );
        failed.payment.status = PaymentStatus::CreationFailed;
        add_once(scope, failed)
    }
}

/// A call that was made twice is settled once.
fn add_once(scope: &mut WriteScope<'_>, made: Debt) -> Result<(), HandleError> {
    if debt::find(scope, made.row.id)?.is_none() {
        made.add(scope)?;
    }
    Ok(())
}

/// What the intermediary and the configuration say of a payment; what it says itself stays.
fn fill(made: &mut Debt, position: Position, settings: ConfigSettings) {
    made.row.page_url = Some(position.page_url);
    made.row.next_check_at = Some(first_check());
    made.payment.status = PaymentStatus::PaymentPending;
    let payment = &mut made.payment.payment;
    payment.iuv = Some(position.iuv);
    payment.notice_code = Some(position.notice_number);
    let receiver: Receiver = settings.receiver;
    payment.receiver.get_or_insert(receiver);
    payment
        .pagopa_category
        .get_or_insert(settings.collection_data);
    if payment.due_type.is_none() {
        payment.due_type = settings.due_type;
    }
}

/// Keeps the state of applications that were to be paid, and has their open debts cancelled when they go on otherwise.
pub struct Applications(pub Proxy);

#[async_trait]
impl Consumer for Applications {
    fn name(&self) -> &'static str {
        "payment-proxy.applications"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let status = match event.payload.get("status") {
            Some(Value::String(code)) => code.clone(),
            Some(Value::Number(code)) => code.to_string(),
            _ => {
                return Err(HandleError::permanent(
                    "malformed-event",
                    "the application has no status",
                ));
            }
        };
        let attempt = match event.payload.get("payment_data") {
            Some(Value::Object(data)) => data.get("attempt").and_then(Value::as_i64).unwrap_or(1),
            _ => 0,
        };
        let row = ApplicationRow {
            tenant_id: scope.tenant_id(),
            id: ApplicationId::from_uuid(event.entity),
            version: event.aggregate_version,
            status,
            attempt,
        };
        let Some(row) = application::keep(scope, row)? else {
            return Ok(Next::Nothing);
        };
        if debt::cancel_unwanted(scope, &row)? > 0 {
            let wakes = &self.0.ctx.platform.wakes;
            wakes.after_commit(scope, DEBTS_TASK);
        }
        Ok(Next::Done)
    }
}
