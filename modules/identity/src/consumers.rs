//! Makes the citizens that applications and payments name; keeps which services offices are linked to.

use async_trait::async_trait;
use opencity_contracts::application::{Person, Source};
use opencity_contracts::payment::PersonType;
use opencity_contracts::user::UserEventReason;
use opencity_contracts::{Application, PaymentEvent, Service};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::WriteScope;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::id::{ApplicationId, OfficeId, TenantId, UserId};
use opencity_kernel::{Problem, ProblemKind};
use serde_json::{Map, Value};

use crate::accounts::citizen_id;
use crate::domain::{User, UserKind};
use crate::store::{assigned, service, user};

/// Makes the citizens that applications and payments name.
pub(crate) struct Citizens {
    ctx: ModuleContext,
}

impl Citizens {
    pub(crate) fn new(ctx: &ModuleContext) -> Self {
        Self { ctx: ctx.clone() }
    }
}

/// What an event says of a citizen.
#[derive(Debug, Default, PartialEq)]
struct Named {
    tax_code: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
}

impl Named {
    /// Somebody whom another system's application names.
    fn of_person(person: &Person) -> Self {
        Self {
            tax_code: Some(person.tax_identification_number.trim().to_uppercase()),
            given_name: person.name.clone(),
            family_name: person.family_name.clone(),
            email: None,
        }
    }

    /// The applicant of a form, flat keys.
    fn of_applicant(data: &Map<String, Value>) -> Self {
        let text = |key: &str| {
            data.get(key)
                .and_then(Value::as_str)
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            tax_code: text("applicant.data.fiscal_code.data.fiscal_code")
                .map(|code| code.to_uppercase()),
            given_name: text("applicant.data.completename.data.name"),
            family_name: text("applicant.data.completename.data.surname"),
            email: text("applicant.data.email_address"),
        }
    }
}

#[async_trait]
impl Consumer for Citizens {
    fn name(&self) -> &'static str {
        "identity.citizens"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications, Topic::Payments]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        // Who is there already stays as he is: no event has to wait for another.
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        if event.is_republished() {
            return Ok(Next::Nothing);
        }
        let tenant = event.tenant_id();
        if event.topic == Topic::Applications {
            let application: Application = event.body()?;
            let mut named = Named::of_applicant(&application.data);
            let id = UserId::from_uuid(application.user);
            // A code that an anonymous person typed proves nothing: it is his only if his id follows from it.
            let own = named
                .tax_code
                .as_deref()
                .is_some_and(|code| citizen_id(&self.ctx, tenant, code) == id);
            if !own {
                named.tax_code = None;
            }
            let mut next = take(scope, id, named)?;
            for person in application.source.iter().flat_map(Source::people) {
                let named = Named::of_person(person);
                if let Next::Done = take_named(scope, &self.ctx, tenant, named)? {
                    next = Next::Done;
                }
            }
            return Ok(next);
        }
        let payment: PaymentEvent = event.body()?;
        let payer = payment.payer;
        if payer.kind != PersonType::Human || payer.tax_identification_number.trim().is_empty() {
            return Ok(Next::Nothing);
        }
        let named = Named {
            given_name: Some(payer.name).filter(|name| !name.is_empty()),
            family_name: payer.family_name.filter(|name| !name.is_empty()),
            email: payer.email.filter(|mail| !mail.is_empty()),
            tax_code: Some(payer.tax_identification_number.trim().to_uppercase()),
        };
        take_named(scope, &self.ctx, tenant, named)
    }
}

fn take_named(
    scope: &mut WriteScope<'_>,
    ctx: &ModuleContext,
    tenant: TenantId,
    named: Named,
) -> Result<Next, HandleError> {
    let Some(code) = &named.tax_code else {
        return Ok(Next::Nothing);
    };
    // A corrected code belongs to the id that followed from the first one.
    let id = match user::by_tax_code(scope, code)? {
        Some(known) => known.id,
        None => citizen_id(ctx, tenant, code),
    };
    take(scope, id, named)
}

/// Makes the citizen, or fills in what was not known of him. Nothing that is known is replaced: only the
/// identity provider and the office correct a person's data.
fn take(scope: &mut WriteScope<'_>, id: UserId, named: Named) -> Result<Next, HandleError> {
    let Some(before) = user::find(scope, id)? else {
        let mut new = User::new(id, UserKind::Citizen, clock::now());
        new.anonymous = named.tax_code.is_none();
        new.tax_code = named.tax_code;
        new.given_name = named.given_name;
        new.family_name = named.family_name;
        new.email = named.email;
        return Ok(if user::insert_if_absent(scope, &new)? {
            Next::Done
        } else {
            Next::Nothing
        });
    };
    let mut after = before.clone();
    after.given_name = after.given_name.or(named.given_name);
    after.family_name = after.family_name.or(named.family_name);
    after.email = after.email.or(named.email);
    if after == before || before.kind != UserKind::Citizen {
        return Ok(Next::Nothing);
    }
    after.updated_at = clock::now();
    user::update(scope, &before, after, UserEventReason::Changed).map_err(temporary)?;
    Ok(Next::Done)
}

fn temporary(problem: Problem) -> HandleError {
    match problem.kind() {
        ProblemKind::Conflict => HandleError::Database(opencity_kernel::db::DbError::Conflict),
        kind => HandleError::temporary(kind.id(), "the citizen could not be written"),
    }
}

/// Keeps which offices open applications are assigned to.
pub(crate) struct Assigned;

#[async_trait]
impl Consumer for Assigned {
    fn name(&self) -> &'static str {
        "identity.assigned"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::Entity
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let told: Application = event.body()?;
        let open = event.change_type() != "deleted" && !told.status.is_final();
        let office = told.user_group_id.filter(|_| open).map(OfficeId::from_uuid);
        let news = assigned::keep(scope, ApplicationId::from_uuid(told.id), office)?;
        Ok(if news { Next::Done } else { Next::Nothing })
    }
}

/// Keeps which services offices are linked to.
pub(crate) struct Services;

#[async_trait]
impl Consumer for Services {
    fn name(&self) -> &'static str {
        "identity.services"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Services]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let told: Service = event.body()?;
        let gone = event.change_type() == "deleted";
        let kept = service::keep(scope, &told, event.aggregate_version, gone)?;
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}
