//! The services that every tenant has: requests for help and reports of what does not work. Each is made once, when the tenant
//! is heard of, and is then the administrator's to change; one that was deleted comes back when the tenant changes.
//!
//! `bookings` will be another one; it needs calendars.

use opencity_contracts::service::{
    AccessLevel, FlowStep, FlowStepParameters, ServiceStatus, Workflow,
};
use opencity_kernel::db::{DbError, WriteScope};
use opencity_kernel::events::{Consumer, Event, HandleError, Next, Topic};
use opencity_kernel::id::{FormId, ServiceId};
use opencity_kernel::{Problem, ProblemKind};
use serde_json::{Map, Value};

use crate::domain::Texts;
use crate::domain::form::FormSource;
use crate::domain::service::ServiceFields;
use crate::store;

/// A service that every tenant has.
struct BuiltIn {
    /// Identifier and slug: how municipal sites name it.
    identifier: &'static str,
    name: &'static str,
    short_description: &'static str,
    /// Its Form.io schema; the applicant block is added at the end.
    form: &'static str,
}

const ALL: [BuiltIn; 2] = [
    BuiltIn {
        identifier: "helpdesk",
        name: "Richiesta di assistenza",
        short_description: "Chiedi aiuto su un servizio digitale",
        form: include_str!("built_in/helpdesk.json"),
    },
    BuiltIn {
        identifier: "inefficiencies",
        name: "Segnalazione di un disservizio",
        short_description: "Segnala un disservizio sul territorio",
        form: include_str!("built_in/inefficiencies.json"),
    },
];
const APPLICANT: &str = include_str!("built_in/applicant.json");

/// Makes the built-in services of each tenant that it hears of.
pub struct BuiltInServices;

impl Consumer for BuiltInServices {
    fn name(&self) -> &'static str {
        "services.built-in"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Tenants]
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        if event.change_type() == "deleted" {
            return Ok(Next::Nothing);
        }
        let mut next = Next::Nothing;
        for service in &ALL {
            if service.make(scope).map_err(failed)? {
                next = Next::Done;
            }
        }
        Ok(next)
    }
}

fn failed(problem: Problem) -> HandleError {
    HandleError::temporary("built-in-services", problem.kind().id())
}

impl BuiltIn {
    /// Makes the service unless there is one of this name; whether it did.
    fn make(&self, scope: &mut WriteScope<'_>) -> Result<bool, Problem> {
        match store::services::by_reference(scope, self.identifier) {
            Ok(_) => return Ok(false),
            Err(problem) if problem.kind() == ProblemKind::NotFound => {}
            Err(problem) => return Err(problem),
        }
        let source = FormSource::read(self.schema()?)?;
        let path = source.path().unwrap_or_default();
        // The form of one that was deleted is still there.
        let form = match store::forms::by_path(scope, path)? {
            Some(form) => form.id,
            None => store::forms::create(scope, FormId::random(), source)?.id,
        };
        store::services::create(scope, ServiceId::random(), self.fields(form))?;
        Ok(true)
    }

    fn schema(&self) -> Result<Map<String, Value>, Problem> {
        let mut schema: Map<String, Value> =
            serde_json::from_str(self.form).map_err(DbError::json)?;
        let applicant: Value = serde_json::from_str(APPLICANT).map_err(DbError::json)?;
        if let Some(Value::Array(components)) = schema.get_mut("components") {
            components.push(applicant);
        }
        Ok(schema)
    }

    fn fields(&self, form: FormId) -> ServiceFields {
        ServiceFields {
            identifier: Some(self.identifier.to_owned()),
            slug: self.identifier.to_owned(),
            name: self.name.to_owned(),
            texts: Texts {
                short_description: Some(self.short_description.to_owned()),
                ..Texts::default()
            },
            flow_steps: vec![FlowStep {
                identifier: "form".to_owned(),
                title: "Modulo".to_owned(),
                kind: "formio".to_owned(),
                parameters: FlowStepParameters {
                    formio_id: Some(form.uuid()),
                    url: None,
                },
                ..FlowStep::default()
            }],
            status: ServiceStatus::Private,
            access_level: AccessLevel::Anonymous,
            workflow: Workflow::Forward,
            ..ServiceFields::default()
        }
    }
}
