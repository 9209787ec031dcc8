//! What the module listens to.

use async_trait::async_trait;
use opencity_contracts::application::Application;
use opencity_contracts::message::Message;
use opencity_contracts::service::Service;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::WriteScope;
use opencity_kernel::directory::{principals_in, tenant_in};
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::i18n::{Language, text};
use opencity_kernel::id::{ApplicationId, MessageId, OfficeId, ServiceId, UserId};
use opencity_kernel::instant::Instant;

use crate::domain::{self, Mail, Notice};
use crate::store::delivery::{self, NewDelivery};
use crate::store::replica::{self, Assigned};
use crate::tasks;

/// Keeps the replica of services.
pub struct Services;

#[async_trait]
impl Consumer for Services {
    fn name(&self) -> &'static str {
        "notifications.services"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Services]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let service: Service = event.body()?;
        let replica = replica::Service {
            name: service.name,
            protocol_required: service.protocol_required,
            offices: service
                .user_group_ids
                .into_iter()
                .map(OfficeId::from_uuid)
                .collect(),
        };
        replica::put_service(
            scope,
            ServiceId::from_uuid(event.entity),
            &replica,
            event.aggregate_version,
        )?;
        Ok(Next::Done)
    }
}

/// Sends messages to the applicant, and tells the assigned operator of the applicant's own.
pub struct Messages {
    context: ModuleContext,
}

impl Messages {
    pub fn new(context: ModuleContext) -> Self {
        Self { context }
    }
}

#[async_trait]
impl Consumer for Messages {
    fn name(&self) -> &'static str {
        "notifications.messages"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Messages]
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        if event.is_republished() {
            return Ok(Next::Nothing);
        }
        let message: Message = event.body()?;
        let first = event.aggregate_version == 1;
        let application = ApplicationId::from_uuid(message.related_entity_id);
        let kept = if domain::goes_to_applicant(&message, first) {
            to_applicant(scope, event, &message, application)?
        } else if domain::tells_assigned(&message, first) {
            match replica::assigned(scope, application)? {
                Some(assigned) => {
                    let Some(service) = replica::service(scope, assigned.service)? else {
                        return Ok(Next::Nothing);
                    };
                    let values = Values::new(&self.context, scope, application, &service.name)?;
                    notify(
                        scope,
                        event,
                        application,
                        Notice::ToAssigned("message_received"),
                        assigned,
                        &service,
                        &values,
                    )?
                }
                None => false,
            }
        } else {
            false
        };
        if kept {
            self.context.platform.wakes.after_commit(scope, tasks::SEND);
        }
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}

fn to_applicant(
    scope: &mut WriteScope<'_>,
    event: &Event,
    message: &Message,
    application: ApplicationId,
) -> Result<bool, HandleError> {
    let Some(address) = message
        .email
        .clone()
        .filter(|address| domain::is_deliverable(address))
    else {
        return Ok(false);
    };
    let subject = message.subject.clone().unwrap_or_else(|| {
        text(
            Language::It,
            "message.default_subject",
            &[("id", &message.related_entity_id.to_string())],
        )
    });
    let mail = Mail {
        to: vec![address],
        cc: Vec::new(),
        subject,
        html: message.message.clone(),
    };
    Ok(delivery::insert(
        scope,
        NewDelivery {
            event: event.original_id(),
            recipient: "applicant",
            recipient_id: message.user_id.map(UserId::from_uuid),
            application,
            message: Some(MessageId::from_uuid(message.id)),
            mail,
        },
    )?)
}

/// Tells operators what happens to applications.
pub struct Applications {
    context: ModuleContext,
}

impl Applications {
    pub fn new(context: ModuleContext) -> Self {
        Self { context }
    }
}

#[async_trait]
impl Consumer for Applications {
    fn name(&self) -> &'static str {
        "notifications.applications"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications]
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let application: Application = event.body()?;
        let id = ApplicationId::from_uuid(application.id);
        let assigned = Assigned {
            service: ServiceId::from_uuid(application.service_id),
            operator: application.operator_id.map(UserId::from_uuid),
            office: application.user_group_id.map(OfficeId::from_uuid),
        };
        replica::put_application(scope, id, assigned, event.aggregate_version)?;
        // Who works it elsewhere tells its people there.
        if !event.is_status_change() || application.is_external() {
            return Ok(Next::Nothing);
        }
        let service = replica::service(scope, assigned.service)?.ok_or_else(|| {
            HandleError::temporary(
                "unknown-service",
                "the service of the application is not known yet",
            )
        })?;
        let by_citizen =
            application.act.as_ref().and_then(|act| act.actor) == Some(application.user);
        let Some(notice) =
            domain::notice(application.status, service.protocol_required, by_citizen)
        else {
            return Ok(Next::Nothing);
        };
        let mut values = Values::new(&self.context, scope, id, &service.name)?;
        values.of(&application);
        let kept = notify(scope, event, id, notice, assigned, &service, &values)?;
        if kept {
            self.context.platform.wakes.after_commit(scope, tasks::SEND);
        }
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}

/// What the texts of notices are filled with.
struct Values(Vec<(&'static str, String)>);

impl Values {
    fn new(
        context: &ModuleContext,
        scope: &mut WriteScope<'_>,
        application: ApplicationId,
        service: &str,
    ) -> Result<Self, HandleError> {
        let base = tenant_in(scope)?
            .map(|tenant| context.platform.public_url(&tenant))
            .unwrap_or_default();
        Ok(Self(vec![
            ("id", application.to_string()),
            ("pratica_id", application.to_string()),
            ("servizio", service.to_owned()),
            (
                "indirizzo",
                format!("{base}/lang/it/pratiche/{application}/detail"),
            ),
        ]))
    }

    fn of(&mut self, application: &Application) {
        let submitted = application
            .submitted_at
            .map(|time| Instant::from_utc(time).rome());
        let registered = application
            .protocolled_at
            .map(|time| Instant::from_utc(time).rome());
        let date = |time: Option<chrono::DateTime<_>>| {
            time.map(|time: chrono::DateTime<chrono_tz::Tz>| time.format("%d/%m/%Y").to_string())
                .unwrap_or_default()
        };
        self.0.push(("data_acquisizione", date(submitted)));
        self.0.push((
            "ora_acquisizione",
            submitted
                .map(|time| time.format("%H:%M").to_string())
                .unwrap_or_default(),
        ));
        self.0.push(("data_protocollo", date(registered)));
        self.0.push((
            "protocollo",
            application.protocol_number.clone().unwrap_or_default(),
        ));
    }

    fn fill(&self, key: &str) -> String {
        let values: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        text(Language::It, key, &values)
    }
}

fn notify(
    scope: &mut WriteScope<'_>,
    event: &Event,
    application: ApplicationId,
    notice: Notice,
    assigned: Assigned,
    service: &replica::Service,
    values: &Values,
) -> Result<bool, HandleError> {
    let staff = principals_in(scope)?;
    let (name, mut addresses) = match notice {
        Notice::ToService(name) => (
            name,
            domain::working(&staff, assigned.service, &service.offices),
        ),
        Notice::ToAssigned(name) => (
            name,
            domain::assigned(&staff, assigned.operator, assigned.office),
        ),
    };
    if addresses.is_empty() {
        return Ok(false);
    }
    let cc = addresses.split_off(1);
    let mail = Mail {
        to: addresses,
        cc,
        subject: values.fill(&format!("operator_message.{name}.subject")),
        html: as_html(&values.fill(&format!("operator_message.{name}.body"))),
    };
    Ok(delivery::insert(
        scope,
        NewDelivery {
            event: event.original_id(),
            recipient: "operator",
            recipient_id: assigned
                .operator
                .filter(|_| matches!(notice, Notice::ToAssigned(_))),
            application,
            message: None,
            mail,
        },
    )?)
}

fn as_html(text: &str) -> String {
    let escaped = text
        .trim()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let paragraphs: Vec<String> = escaped
        .split("\n\n")
        .map(|paragraph| format!("<p>{}</p>", paragraph.replace('\n', "<br>")))
        .collect();
    paragraphs.join("\n")
}
