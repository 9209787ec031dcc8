//! What the module listens to: copies of services, forms and citizens; payments and documents, which
//! move the application through the engine as people's calls do.

use std::sync::Arc;

use diesel::prelude::*;
use opencity_contracts::document::{DocumentEvent, DocumentStatus};
use opencity_contracts::form::Form;
use opencity_contracts::payment::PaymentEvent;
use opencity_contracts::service::Service;
use opencity_contracts::user::{User, UserEventReason, UserRole};
use opencity_kernel::clock;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::{DbError, DbResult, Tenancy, WriteScope};
use opencity_kernel::directory::tenant_in;
use opencity_kernel::events::{
    Change, Consumer, Event, HandleError, NewEvent, Next, OrderingKey, Topic,
};
use opencity_kernel::id::{
    ActId, ApplicationId, DocumentId, FormId, PaymentId, ServiceId, TenantId, UserId,
};
use opencity_kernel::instant::Instant;
use opencity_kernel::module::StartError;

use crate::aggregate::{Aggregate, Circumstances};
use crate::body;
use crate::domain::payment::{items_paid_twice, payment_move};
use crate::domain::{ActKind, Action, PaymentStatus, Status};
use crate::engine::{self, Actor, EngineError, Inputs, Number};
use crate::site_of;
use crate::store::application::{self, Act};
use crate::store::payment::{self, PaymentRow, item_name};
use crate::store::replica;
use crate::store::schema::applications_application;

/// Keeps the copies of services, forms and citizens.
pub struct Replicas;

impl Consumer for Replicas {
    fn name(&self) -> &'static str {
        "applications.replicas"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Services, Topic::Forms, Topic::Users]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let version = event.aggregate_version;
        let kept = match event.topic {
            Topic::Services if event.change_type() == "deleted" => {
                replica::forget_service(scope, ServiceId::from_uuid(event.entity))?;
                true
            }
            Topic::Services => replica::keep_service(scope, event.body::<Service>()?, version)?,
            Topic::Forms => {
                let form: Form = event.body()?;
                let number = i32::try_from(form.version).map_err(|_| {
                    HandleError::permanent(
                        "malformed-event",
                        "the version of a form is out of range",
                    )
                })?;
                replica::keep_form(scope, FormId::from_uuid(form.id), number, &form.schema)?;
                true
            }
            _ => {
                let user: User = event.body()?;
                match (user.role, user.event_reason) {
                    (UserRole::User, UserEventReason::Deleted) => {
                        replica::forget_citizen(scope, UserId::from_uuid(user.id))?;
                        true
                    }
                    (UserRole::User, _) => replica::keep_citizen(scope, &user, version)?,
                    _ => false,
                }
            }
        };
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}

/// How the tenant's addresses begin in what is written now.
fn site(platform: &Platform, scope: &mut WriteScope<'_>) -> Result<String, HandleError> {
    let tenant = tenant_in(scope)?.ok_or_else(|| {
        HandleError::temporary(
            "unknown-tenant",
            "the tenant has not arrived in the directory yet",
        )
    })?;
    Ok(site_of(platform, &tenant))
}

/// A failure of the engine that is no refusal.
fn failed(error: EngineError) -> HandleError {
    match error {
        EngineError::Database(error) => error.into(),
        EngineError::Refused(refusal) => HandleError::permanent("refused", refusal.problem_id()),
        EngineError::Invalid(problem) => HandleError::permanent("invalid", problem.kind().id()),
    }
}

/// Does what the platform does by itself; whether the table let it through.
fn move_by_platform(
    scope: &mut WriteScope<'_>,
    site: &str,
    aggregate: &mut Aggregate,
    action: Action,
    inputs: Inputs,
) -> Result<bool, HandleError> {
    let about = Circumstances {
        act: inputs.act,
        ..Circumstances::default()
    };
    let platform = Actor::platform();
    match engine::check(aggregate, &platform.relation, action, about) {
        Err(EngineError::Refused(_)) => return Ok(false),
        Err(error) => return Err(failed(error)),
        // Still to be paid, and the like: nothing to write.
        Ok(plan) if !plan.moves() && plan.effects.is_empty() => return Ok(true),
        Ok(_) => {}
    }
    engine::apply(scope, site, aggregate, &platform, action, inputs).map_err(failed)?;
    Ok(true)
}

/// Follows the payments of applications.
pub struct Payments(pub Arc<Platform>);

impl Consumer for Payments {
    fn name(&self) -> &'static str {
        "applications.payments"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Payments]
    }

    fn ordering_key(&self, event: &Event) -> OrderingKey {
        by_application(event)
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let payment: PaymentEvent = event.body()?;
        let id = ApplicationId::from_uuid(payment.remote_id);
        // A due has no application; one that nobody here knows is none of ours.
        if payment.remote_id == payment.id || !application::lock(scope, id)? {
            return Ok(Next::Nothing);
        }
        let site = site(&self.0, scope)?;
        let Some(mut aggregate) = Aggregate::load(scope, &site, id)? else {
            return Ok(Next::Nothing);
        };
        let Some(at) = keep_payment(scope, &mut aggregate, &payment, event.aggregate_version)?
        else {
            return Ok(Next::Nothing);
        };
        self.follow(scope, &site, &mut aggregate, at, event)?;
        Ok(Next::Done)
    }
}

impl Payments {
    /// Moves the application as its payments say.
    fn follow(
        &self,
        scope: &mut WriteScope<'_>,
        site: &str,
        aggregate: &mut Aggregate,
        at: usize,
        event: &Event,
    ) -> Result<(), HandleError> {
        let Some(row) = aggregate.payments.get(at).cloned() else {
            return Ok(());
        };
        let known = reported(&aggregate.payments)?;
        let Some(changed) = known.get(at) else {
            return Ok(());
        };
        let id = aggregate.row.id;
        let note = |scope: &mut WriteScope<'_>, kind: &str, detail: &str| {
            application::note_anomaly(scope, id, kind, detail, Some(event.event_id), clock::now())
        };
        let is_paid = row.reported()? == PaymentStatus::Complete;
        if is_paid && items_paid_twice(&known).contains(&changed.item) {
            note(
                scope,
                "paid-twice",
                &format!("{} of attempt {}", row.item, row.attempt),
            )?;
        }
        // What an external component told of this attempt already is the same money.
        let told = aggregate
            .details
            .payment_outcome
            .is_some_and(|told| told.ok && told.attempt == row.attempt);
        if is_paid && row.settled_by_hand && !told {
            note(scope, "paid-twice", "paid after it was recorded by hand")?;
        }
        let attempt = u32::try_from(aggregate.row.attempt).unwrap_or_default();
        let counted = aggregate.known_payments()?;
        let Some(moved) = payment_move(changed, attempt, &counted) else {
            return Ok(());
        };
        let action = Action::Payment(moved);
        let done = move_by_platform(scope, site, aggregate, action, Inputs::default())?;
        if !done && is_paid && !told && action.is_anomaly_without_row() && !row.settled_by_hand {
            note(
                scope,
                "unexpected-payment",
                "money came where the state expects none",
            )?;
        }
        Ok(())
    }
}

/// The payments as their own events tell them.
fn reported(rows: &[PaymentRow]) -> DbResult<Vec<crate::domain::ItemPayment>> {
    rows.iter()
        .map(|row| {
            let mut known = row.known()?;
            known.status = row.reported()?;
            Ok(known)
        })
        .collect()
}

/// Keeps what an event says of a payment; where it stands in the list, or nothing if it is old news.
fn keep_payment(
    scope: &mut WriteScope<'_>,
    aggregate: &mut Aggregate,
    told: &PaymentEvent,
    version: i64,
) -> Result<Option<usize>, HandleError> {
    let status: PaymentStatus = told.status.as_str().parse().map_err(|_| {
        HandleError::permanent("malformed-event", "the state of a payment is unknown")
    })?;
    let item = match told.item {
        opencity_contracts::payment::PaymentItem::Amount => crate::domain::PaymentItem::Amount,
        opencity_contracts::payment::PaymentItem::Stamp(row) => {
            crate::domain::PaymentItem::Stamp(row)
        }
    };
    let item = item_name(item);
    let attempt = i32::try_from(told.attempt).unwrap_or(1);
    let updated = Instant::from_utc(told.updated_at);
    let links = serde_json::to_string(&told.links).map_err(DbError::json)?;
    let place = aggregate
        .payments
        .iter()
        .position(|row| row.attempt == attempt && row.item == item);
    let Some(row) = place.and_then(|place| aggregate.payments.get_mut(place)) else {
        let row = PaymentRow {
            tenant_id: aggregate.row.tenant_id,
            application_id: aggregate.row.id,
            attempt,
            item,
            amount: told.payment.amount.map_or(0, |amount| amount.get()),
            payment_id: Some(PaymentId::from_uuid(told.id)),
            reason: told.reason.clone(),
            status: status.name().to_owned(),
            settled_by_hand: false,
            cancelled_by_us: false,
            links: Some(links),
            payment_version: version,
            created_at: Instant::from_utc(told.created_at),
            updated_at: updated,
        };
        payment::insert(scope, &row)?;
        aggregate.payments.push(row);
        return Ok(Some(aggregate.payments.len() - 1));
    };
    let same_payment = row.payment_id == Some(PaymentId::from_uuid(told.id));
    if same_payment && version > 0 && version <= row.payment_version {
        return Ok(None);
    }
    row.payment_id = Some(PaymentId::from_uuid(told.id));
    row.reason = told.reason.clone().or(row.reason.take());
    row.status = status.name().to_owned();
    row.links = Some(links);
    row.payment_version = version;
    row.created_at = Instant::from_utc(told.created_at);
    row.updated_at = updated;
    payment::update(scope, row)?;
    Ok(place)
}

/// Follows the documents of applications' acts.
pub struct Documents(pub Arc<Platform>);

impl Consumer for Documents {
    fn name(&self) -> &'static str {
        "applications.documents"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Documents]
    }

    fn ordering_key(&self, event: &Event) -> OrderingKey {
        by_application(event)
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let document: DocumentEvent = event.body()?;
        let id = ApplicationId::from_uuid(document.remote_id);
        application::lock(scope, id)?;
        let act = application::act(scope, ActId::from_uuid(document.act_id))?;
        let Some(act) = act.filter(|act| act.application_id == id) else {
            return self.unknown_act(scope, &document, id, event);
        };
        if act.document_version >= event.aggregate_version {
            return Ok(Next::Nothing);
        }
        let site = site(&self.0, scope)?;
        let Some(mut aggregate) = Aggregate::load(scope, &site, id)? else {
            return Ok(Next::Nothing);
        };
        keep_document(
            scope,
            &mut aggregate,
            act.id,
            &document,
            event.aggregate_version,
        )?;
        let kind = act.act_kind();
        if kind == Some(ActKind::Request) && aggregate.state()? == Status::PreSubmit {
            let inputs = Inputs {
                act: Some(act.id),
                ..Inputs::default()
            };
            move_by_platform(scope, &site, &mut aggregate, Action::PdfReady, inputs)?;
        }
        if let (Some(kind), DocumentStatus::RegistrationComplete) = (kind, document.status) {
            registered(scope, &site, &mut aggregate, kind, &act, &document, event)?;
        }
        Ok(Next::Done)
    }
}

impl Documents {
    /// A document of no act of ours: nothing, unless a number came with it.
    fn unknown_act(
        &self,
        scope: &mut WriteScope<'_>,
        document: &DocumentEvent,
        id: ApplicationId,
        event: &Event,
    ) -> Result<Next, HandleError> {
        if document.status != DocumentStatus::RegistrationComplete
            || application::find(scope, id)?.is_none()
        {
            return Ok(Next::Nothing);
        }
        let detail = "a number came for an act that the application does not have";
        let (kind, event_id) = ("unexpected-number", Some(event.event_id));
        application::note_anomaly(scope, id, kind, detail, event_id, clock::now())?;
        Ok(Next::Done)
    }
}

/// Keeps what an event says of the document of an act.
fn keep_document(
    scope: &mut WriteScope<'_>,
    aggregate: &mut Aggregate,
    id: ActId,
    document: &DocumentEvent,
    version: i64,
) -> Result<(), HandleError> {
    let Some(act) = aggregate.acts.iter_mut().find(|act| act.id == id) else {
        return Ok(());
    };
    let file = serde_json::to_string(&document.main_document).map_err(DbError::json)?;
    act.document_id = Some(DocumentId::from_uuid(document.id));
    act.document_status = Some(document.status.as_str().to_owned());
    act.document_version = version;
    act.document_file = Some(file);
    act.call_in_flight_until = document.call_in_flight_until.map(Instant::from_utc);
    application::update_act(scope, act)?;
    Ok(())
}

/// A number came: it moves the application where the table has a row for it; elsewhere it is kept all
/// the same, and noted for an operator.
fn registered(
    scope: &mut WriteScope<'_>,
    site: &str,
    aggregate: &mut Aggregate,
    kind: ActKind,
    act: &Act,
    document: &DocumentEvent,
    event: &Event,
) -> Result<(), HandleError> {
    let data = &document.registration_data;
    let number = Number {
        number: data.document_number.clone(),
        document_id: data.document_id.clone(),
        folder_number: document.folder.id.clone(),
        folder_code: document
            .folder
            .id
            .is_some()
            .then(|| document.folder.title.clone()),
        at: data.date.map(Instant::from_utc),
    };
    let id = aggregate.row.id;
    let note = |scope: &mut WriteScope<'_>, kind: &str, detail: &str| {
        application::note_anomaly(scope, id, kind, detail, Some(event.event_id), clock::now())
    };
    if act.protocol_number.is_some() {
        // Given by hand before: the first number stays.
        if act.protocol_number != number.number {
            note(
                scope,
                "second-number",
                "the registry gave another number than the one given by hand",
            )?;
        }
        return Ok(());
    }
    let action = Action::Registered(kind);
    let inputs = Inputs {
        act: Some(act.id),
        number: number.clone(),
        ..Inputs::default()
    };
    if move_by_platform(scope, site, aggregate, action, inputs)? {
        return Ok(());
    }
    // It belongs to its act, even if that is not the last of its kind any more.
    let is_last = aggregate
        .last_act(kind)
        .is_some_and(|last| last.id == act.id);
    if is_last {
        engine::record(aggregate, kind, &number);
    }
    if let Some(own) = aggregate.acts.iter_mut().find(|own| own.id == act.id) {
        own.protocol_number.clone_from(&number.number);
        own.protocol_document_id.clone_from(&number.document_id);
        own.protocolled_at = number.at;
        own.folder_number.clone_from(&number.folder_number);
        own.folder_code.clone_from(&number.folder_code);
        application::update_act(scope, own)?;
    }
    // Not required: there is nothing to wait for, but the number is news.
    if action.is_anomaly_without_row() {
        note(
            scope,
            "unexpected-number",
            "a number came where the state expects none",
        )?;
        engine::save(scope, site, aggregate)?;
    }
    Ok(())
}

/// Events of one application follow each other, whichever payment or document they are of.
fn by_application(event: &Event) -> OrderingKey {
    match event
        .payload
        .get("remote_id")
        .and_then(serde_json::Value::as_str)
    {
        Some(id) => OrderingKey::Other(id.to_owned()),
        None => OrderingKey::Entity,
    }
}

/// Writes the present state of every application again as an event.
///
/// # Errors
/// If the database refuses.
pub async fn republish(ctx: &ModuleContext) -> Result<u64, StartError> {
    let all: Vec<(TenantId, ApplicationId)> = ctx
        .db
        .read_across("the applications to tell again", |scope| {
            scope.load(
                applications_application::table
                    .filter(applications_application::status.ne(Status::Draft.code()))
                    .select((
                        applications_application::tenant_id,
                        applications_application::id,
                    )),
            )
        })
        .await?;
    let mut written = 0;
    for (tenant, id) in all {
        let tenancy = Tenancy::from_row(tenant);
        let site = site_of(&ctx.platform, &ctx.tenant(tenancy).await?);
        ctx.db
            .write::<_, DbError>(tenancy, move |scope| {
                let Some(aggregate) = Aggregate::load(scope, &site, id)? else {
                    return Ok(());
                };
                let row = &aggregate.row;
                let body = body::event(&aggregate, &site, clock::now(), None)?;
                let (key, version) = (row.service_id, row.version);
                let change = Change::republished();
                scope.emit(NewEvent::new(
                    Topic::Applications,
                    key,
                    id.uuid(),
                    version,
                    change,
                    body,
                ))?;
                Ok(())
            })
            .await?;
        written += 1;
    }
    Ok(written)
}
