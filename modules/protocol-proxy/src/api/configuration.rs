//! A configuration as it is sent and shown: common fields, and what the connector adds beside them.

use opencity_kernel::id::{ServiceId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{FieldProblem, Problem, ProblemKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The longest description.
const MOST_CHARACTERS: usize = 1000;
/// Keys of the form and of an echoed answer that are no settings.
const NOT_SETTINGS: [&str; 5] = ["submit", "connector", "created_at", "updated_at", "version"];

/// A configuration, as it is sent. The connector's own settings stand beside the common fields.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"tenant_id": "01943ffe-0680-7438-ae6b-a7bca9d37914", "id": "b21c4429-95e4-45d5-930f-44eb74136625", "description": "Occupazione di suolo pubblico", "active": true}))]
pub(crate) struct ConfigurationIn {
    /// The body; the caller's own.
    pub tenant_id: Option<TenantId>,
    /// The service; of a body's configuration, the body again.
    pub id: Option<uuid::Uuid>,
    /// What people call it. Required but in a PATCH.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// Whether it is in force; true unless given.
    pub active: Option<bool>,
    /// What the connector asks for.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
}

/// A configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigurationView {
    /// The body.
    pub tenant_id: TenantId,
    /// The service; of a body's configuration, the body.
    pub id: uuid::Uuid,
    /// The registry.
    #[schema(example = "sandbox", max_length = 40)]
    pub connector: String,
    /// What people call it.
    #[schema(max_length = 1000)]
    pub description: String,
    /// Whether it is in force.
    pub active: bool,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// What the connector asked for.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
}

/// The common fields and settings after a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    pub description: String,
    pub active: bool,
    pub parameters: Map<String, Value>,
}

impl Settled {
    /// What is kept already, as the ground for a PATCH.
    pub(crate) fn of(description: &str, active: bool, parameters: &Json) -> Self {
        let parameters = parameters.0.as_object().cloned().unwrap_or_default();
        Self {
            description: description.to_owned(),
            active,
            parameters,
        }
    }

    /// Checks what is common to all connectors, and then what this one asks.
    pub(crate) fn checked(
        self,
        check: impl FnOnce(&Map<String, Value>) -> Vec<FieldProblem>,
    ) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let length = self.description.trim().chars().count();
        if length == 0 || length > MOST_CHARACTERS {
            errors.push(FieldProblem {
                field: "description".to_owned(),
                code: if length == 0 {
                    "required"
                } else {
                    "max-length"
                }
                .to_owned(),
                message: format!("Give 1 to {MOST_CHARACTERS} characters."),
            });
        }
        errors.extend(check(&self.parameters));
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(Problem::validation(errors))
        }
    }
}

impl ConfigurationIn {
    /// Refuses a configuration of another body than the caller's.
    pub(crate) fn check_tenant(&self, tenant: TenantId) -> Result<(), Problem> {
        match self.tenant_id {
            Some(other) if other != tenant => Err(Problem::new(
                ProblemKind::TenantMismatch,
                "The configuration is of another body than the token. Give the tenant_id of your own, or none.",
            )),
            _ => Ok(()),
        }
    }

    /// The service that it is for.
    pub(crate) fn service(&self) -> Result<ServiceId, Problem> {
        self.id
            .map(Into::into)
            .ok_or_else(|| Problem::field("id", "required", "Give the id of the service."))
    }

    /// As a whole configuration.
    pub(crate) fn whole(self) -> Settled {
        Settled {
            description: self.description.unwrap_or_default(),
            active: self.active.unwrap_or(true),
            parameters: settings(self.parameters),
        }
    }

    /// As changes of one; a setting that is null is taken away.
    pub(crate) fn patching(self, mut kept: Settled) -> Settled {
        for (key, value) in settings(self.parameters) {
            if value.is_null() {
                kept.parameters.remove(&key);
            } else {
                kept.parameters.insert(key, value);
            }
        }
        Settled {
            description: self.description.unwrap_or(kept.description),
            active: self.active.unwrap_or(kept.active),
            parameters: kept.parameters,
        }
    }
}

fn settings(mut parameters: Map<String, Value>) -> Map<String, Value> {
    parameters.retain(|key, _| !NOT_SETTINGS.contains(&key.as_str()));
    parameters
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_it_names_and_null_takes_a_setting_away() {
        let kept = Settled::of(
            "Suolo pubblico",
            true,
            &Json(json!({"aoo": "A1", "office": "7"})),
        );
        let patch: ConfigurationIn = serde_json::from_value(
            json!({"active": false, "aoo": null, "office": "8", "submit": true}),
        )
        .unwrap();
        let settled = patch.patching(kept);
        assert_eq!(settled.description, "Suolo pubblico");
        assert!(!settled.active);
        assert_eq!(Value::Object(settled.parameters), json!({"office": "8"}));
    }

    #[test]
    fn a_configuration_without_description_is_refused() {
        let problem = ConfigurationIn::default()
            .whole()
            .checked(|_| Vec::new())
            .unwrap_err();
        assert!(
            problem
                .body("x")
                .to_string()
                .contains("\"field\":\"description\"")
        );
    }
}
