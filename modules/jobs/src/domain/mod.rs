//! The types of process, and what each asks for.

use opencity_kernel::FieldProblem;
use opencity_kernel::id::ServiceId;
use serde_json::{Map, Value};

/// A type of process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Import of dues from a CSV file, executed by `payments`.
    ImportDues,
}

impl JobKind {
    /// The type of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::ImportDues.as_str()).then_some(Self::ImportDues)
    }

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImportDues => "import_dovuti",
        }
    }

    /// The module that executes it and keeps its refused rows.
    #[must_use]
    pub fn executor(self) -> &'static str {
        match self {
            Self::ImportDues => "payments",
        }
    }

    /// The service that the dues belong to.
    ///
    /// # Errors
    /// If `args` names none.
    pub fn service(self, args: &Map<String, Value>) -> Result<ServiceId, FieldProblem> {
        args.get("service_id")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| FieldProblem {
                field: "args.service_id".to_owned(),
                code: "required".to_owned(),
                message: "Name the service that the dues belong to, by its id.".to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn an_import_of_dues_names_its_service() {
        let args = |value: Value| value.as_object().cloned().unwrap();
        let kind = JobKind::parse("import_dovuti").unwrap();
        assert!(
            kind.service(&args(
                json!({"service_id": "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab"})
            ))
            .is_ok()
        );
        assert!(kind.service(&args(json!({}))).is_err());
        assert!(kind.service(&args(json!({"service_id": "no id"}))).is_err());
        assert_eq!(JobKind::parse("something_else"), None);
    }
}
