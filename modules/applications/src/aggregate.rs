//! An application with all that decides what may be done to it.

use std::collections::HashMap;

use opencity_contracts::file::File;
use opencity_contracts::service::{Service, Workflow};
use opencity_kernel::auth;
use opencity_kernel::db::{DbResult, TenantScope};
use opencity_kernel::id::{ActId, ApplicationId, OfficeId, ServiceId, UserId};
use opencity_kernel::instant::Instant;
use serde_json::Value;

use crate::domain::{ActKind, Action, Caller, Facts, ItemPayment, Status};
use crate::engine::Number;
use crate::files::{held_file, name_uploads};
use crate::store::application::{self, Act, Application, Details};
use crate::store::file::{self, FileRow};
use crate::store::payment::{self, PaymentRow};
use crate::store::replica;
use crate::terms::{Terms, payment_kind};

/// An application, its service, its acts, its payments, its files.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// The application.
    pub row: Application,
    /// What no query looks for, read.
    pub details: Details,
    /// The data, read.
    pub data: Value,
    /// Its service.
    pub service: Service,
    /// Its acts, oldest first.
    pub acts: Vec<Act>,
    /// What its attempts to pay ask for.
    pub payments: Vec<PaymentRow>,
    /// Its files, with what each is for; their addresses ask for no version yet.
    pub files: Vec<(String, File)>,
}

/// What an action is judged by, beside application and service.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// Operator and office that an assignment asks for.
    pub assignee: Option<(Option<UserId>, Option<OfficeId>)>,
    /// The act of a document's event.
    pub act: Option<ActId>,
    /// The protocol data to keep are no number: they move nothing.
    pub without_number: bool,
    /// The number is another one than the act has.
    pub other_number: bool,
}

impl Aggregate {
    /// Reads an application with everything around it.
    ///
    /// # Errors
    /// If the database refuses or a stored document is malformed.
    pub fn load(
        scope: &mut TenantScope<'_>,
        site: &str,
        id: ApplicationId,
    ) -> DbResult<Option<Self>> {
        match application::find(scope, id)? {
            Some(row) => Self::around(scope, site, row).map(Some),
            None => Ok(None),
        }
    }

    /// Reads what is around an application.
    ///
    /// # Errors
    /// As [`Aggregate::load`].
    pub fn around(scope: &mut TenantScope<'_>, site: &str, row: Application) -> DbResult<Self> {
        let service = replica::service(scope, row.service_id)?;
        let acts = application::acts(scope, row.id)?;
        let payments = payment::of(scope, row.id)?;
        let api = format!("{site}/api");
        let files = file::of_application(scope, row.id)?;
        let files = files.iter().map(|file| named(file, &api)).collect();
        Self::of(row, service, acts, payments, files)
    }

    /// Reads what is around each of a page of applications, by a fixed number of queries.
    ///
    /// # Errors
    /// As [`Aggregate::load`].
    pub fn page(
        scope: &mut TenantScope<'_>,
        site: &str,
        rows: Vec<Application>,
    ) -> DbResult<Vec<Self>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<ApplicationId> = rows.iter().map(|row| row.id).collect();
        let mut wanted: Vec<ServiceId> = rows.iter().map(|row| row.service_id).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let services: HashMap<ServiceId, Service> = replica::services(scope, &wanted)?
            .into_iter()
            .map(|service| (ServiceId::from_uuid(service.id), service))
            .collect();
        let mut acts = application::acts_of(scope, &ids)?;
        let mut payments = payment::of_all(scope, &ids)?;
        let mut files = files_of(scope, site, &ids)?;
        rows.into_iter()
            .map(|row| {
                let id = row.id;
                let service = services.get(&row.service_id).cloned();
                Self::of(
                    row,
                    service,
                    acts.remove(&id).unwrap_or_default(),
                    payments.remove(&id).unwrap_or_default(),
                    files.remove(&id).unwrap_or_default(),
                )
            })
            .collect()
    }

    /// Puts an application together.
    ///
    /// # Errors
    /// If a stored document is malformed.
    pub fn of(
        row: Application,
        service: Option<Service>,
        acts: Vec<Act>,
        payments: Vec<PaymentRow>,
        files: Vec<(String, File)>,
    ) -> DbResult<Self> {
        // A service that was deleted leaves its applications behind.
        let service = service.unwrap_or_else(|| Service {
            id: row.service_id.uuid(),
            tenant: row.tenant_id.uuid(),
            ..Service::default()
        });
        let mut data = row.data()?;
        name_uploads(&mut data, &files, None);
        Ok(Self {
            details: row.details()?,
            data,
            service,
            acts,
            payments,
            files,
            row,
        })
    }

    /// The state.
    ///
    /// # Errors
    /// If the stored code is none.
    pub fn state(&self) -> DbResult<Status> {
        self.row.state()
    }

    /// What is to be paid in all.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms::of(&self.service, &self.data)
    }

    /// The payments as the state table sees them.
    ///
    /// # Errors
    /// If a stored name is unknown.
    pub fn known_payments(&self) -> DbResult<Vec<ItemPayment>> {
        self.payments.iter().map(PaymentRow::known).collect()
    }

    /// The last act of a kind.
    #[must_use]
    pub fn last_act(&self, kind: ActKind) -> Option<&Act> {
        self.acts
            .iter()
            .rev()
            .find(|act| act.act_kind() == Some(kind))
    }

    /// Whether an act of this kind has another number already.
    #[must_use]
    pub fn has_other_number(&self, kind: ActKind, number: &Number) -> bool {
        let details = &self.details;
        let held = match kind {
            ActKind::Request => self.row.protocol_number.as_ref(),
            ActKind::Outcome => details.outcome_number.number.as_ref(),
            ActKind::IntegrationRequest => details.integration_outbound.number.as_ref(),
            ActKind::IntegrationResponse => details.integration_inbound.number.as_ref(),
            ActKind::Withdraw | ActKind::Revocation => None,
        };
        let of_act = self
            .last_act(kind)
            .and_then(|act| act.protocol_number.as_ref());
        number.replaces(held) || number.replaces(of_act)
    }

    /// The facts that an action is decided on.
    ///
    /// # Errors
    /// If a stored name is unknown.
    pub fn facts(&self, action: Action, about: Circumstances, now: Instant) -> DbResult<Facts> {
        let act = act_named(action).and_then(|kind| self.last_act(kind));
        let number_there = match act_named(action) {
            Some(ActKind::Request) => self.row.protocol_number.is_some(),
            Some(ActKind::Outcome) => self.details.outcome_number.number.is_some(),
            _ => false,
        } || about.without_number;
        let told = self
            .details
            .payment_outcome
            .filter(|told| told.attempt == self.row.attempt);
        Ok(Facts {
            protocol_required: self.service.protocol_required,
            forward: self.service.workflow == Workflow::Forward,
            external: self.details.source.is_some(),
            payment: payment_kind(&self.service),
            amount_due: self.terms().is_due(&self.known_payments()?),
            allow_withdraw: self.service.allow_withdraw,
            allow_integration_request: self.service.allow_integration_request,
            allow_reopening: self.service.allow_reopening,
            has_payment_data: self.row.payment_data.is_some(),
            origin: self.row.origin(),
            same_payment_outcome: matches!(
                (action, told),
                (Action::PaymentOutcome { ok }, Some(told)) if told.ok == ok
            ),
            has_number: self.row.protocol_number.is_some(),
            act_registered: number_there || act.is_some_and(|act| act.protocol_number.is_some()),
            other_number: about.other_number,
            act_is_current: about.act.is_some() && about.act == self.row.current_act_id,
            call_in_flight: act
                .and_then(|act| act.call_in_flight_until)
                .is_some_and(|until| now < until),
            same_assignee: about
                .assignee
                .is_some_and(|asked| asked == (self.row.operator_id, self.row.office_id)),
            has_outcome: self.row.outcome.is_some(),
            was_submitted: self.row.submitted_at.is_some(),
            has_request_act: self.last_act(ActKind::Request).is_some(),
            integration_open: self
                .details
                .integrations
                .last()
                .is_some_and(|last| !last.done),
            // Only messages ask, and find it out themselves.
            system_operator_wrote: false,
        })
    }

    /// What a caller is to this application. `tax_code` is a citizen's own, where it is known.
    #[must_use]
    pub fn relation(&self, caller: &auth::Caller, tax_code: Option<&str>) -> Caller {
        let mut relation = relation(caller, &self.service);
        relation.is_owner = caller.is_citizen() && caller.id == self.row.user_id;
        relation.is_related = relation.is_citizen
            && tax_code.is_some_and(|code| {
                self.details
                    .related_cfs
                    .iter()
                    .any(|related| related.eq_ignore_ascii_case(code))
            });
        if let Some(operator) = caller.operator() {
            relation.is_assigned_operator = self.row.operator_id == Some(operator.id);
            relation.is_assigned_office_member = self
                .row
                .office_id
                .is_some_and(|office| caller.in_office(office));
        }
        relation
    }
}

/// The files of applications, each with what it is for.
fn files_of(
    scope: &mut TenantScope<'_>,
    site: &str,
    ids: &[ApplicationId],
) -> DbResult<HashMap<ApplicationId, Vec<(String, File)>>> {
    let api = format!("{site}/api");
    let mut files: HashMap<ApplicationId, Vec<(String, File)>> = HashMap::new();
    for row in application::files_of(scope, ids)? {
        if let Some(id) = row.application_id {
            files.entry(id).or_default().push(named(&row, &api));
        }
    }
    Ok(files)
}

/// A file with its kind.
fn named(row: &FileRow, api: &str) -> (String, File) {
    (row.kind.clone(), held_file(row, api))
}

/// What a caller is to the applications of a service, before any of them is looked at.
#[must_use]
pub fn relation(caller: &auth::Caller, service: &Service) -> Caller {
    let service_id = ServiceId::from_uuid(service.id);
    Caller {
        is_citizen: caller.is_citizen(),
        is_enabled_operator: caller.works_service(service_id),
        is_office_member: service
            .user_group_ids
            .iter()
            .any(|office| caller.in_office(OfficeId::from_uuid(*office))),
        is_system_operator: caller.is_system_operator(),
        is_admin: caller.administrates_body(),
        is_service: caller.is_service(),
        ..Caller::default()
    }
}

/// The act whose number an action gives.
#[must_use]
pub fn act_named(action: Action) -> Option<ActKind> {
    match action {
        Action::Register => Some(ActKind::Request),
        Action::RegisterOutcome => Some(ActKind::Outcome),
        Action::RegisterIntegrationRequest => Some(ActKind::IntegrationRequest),
        Action::RegisterIntegrationAnswer => Some(ActKind::IntegrationResponse),
        Action::PatchProtocol(kind) | Action::Registered(kind) => Some(kind),
        _ => None,
    }
}
