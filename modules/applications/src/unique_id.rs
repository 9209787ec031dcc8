//! The unique id of an application: a text that the service makes of the data, and that no second application of it may have.
//!
//! The service's `post_submit_validation_expression` is a text that names fields by their flat keys:
//! `{{ data.applicant.data.fiscal_code.data.fiscal_code }}-{{ data.year }}`. An expression that names no field, or that would
//! have to be computed, makes no unique id.

use opencity_contracts::service::Service;
use opencity_kernel::crypto::sha256_hex;
use opencity_kernel::db::WriteScope;
use opencity_kernel::{Problem, ProblemKind};
use serde_json::Value;

use crate::aggregate::Aggregate;
use crate::engine::EngineError;
use crate::store::unique_id;

/// Keeps the unique id of an application that is being sent.
///
/// # Errors
/// [`ProblemKind::DuplicateApplication`] with the service's own message.
pub(crate) fn claim(scope: &mut WriteScope<'_>, aggregate: &Aggregate) -> Result<(), EngineError> {
    let service = &aggregate.service;
    let Some(text) = service
        .post_submit_validation_expression
        .as_deref()
        .and_then(|expression| of(expression, &aggregate.data))
    else {
        return Ok(());
    };
    let (row, hash) = (&aggregate.row, sha256_hex(text.as_bytes()));
    if unique_id::keep(scope, row.service_id, hash, row.id)? {
        Ok(())
    } else {
        Err(EngineError::Invalid(duplicate(service)))
    }
}

fn duplicate(service: &Service) -> Problem {
    let own = service.post_submit_validation_message.as_deref();
    Problem::new(
        ProblemKind::DuplicateApplication,
        own.filter(|text| !text.trim().is_empty()).unwrap_or(
            "An application like this one was sent before. Look for it among the applications.",
        ),
    )
}

/// The text that an expression makes of the data, without regard to case and outer spaces; none if all fields that it names are
/// empty.
fn of(expression: &str, data: &Value) -> Option<String> {
    let flat = opencity_formio::flatten(data);
    let (mut made, mut filled, mut rest) = (String::new(), false, expression);
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        let key = name.trim().strip_prefix("data.")?;
        if key.contains(|c: char| c.is_whitespace() || "()[]{}|+*/'\"?:,;".contains(c)) {
            return None;
        }
        let value = match flat.get(key) {
            Some(Value::String(text)) => text.trim().to_lowercase(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => String::new(),
        };
        filled |= !value.is_empty();
        made.push_str(before);
        made.push_str(&value);
        rest = after;
    }
    made.push_str(rest);
    filled.then_some(made)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_put_where_the_expression_names_them() {
        let data = json!({"applicant": {"data": {"fiscal_code": {"data": {"fiscal_code": " RSSMRA80A01H501U"}}}},
            "year": 2026, "child": {"name": "Ada"}, "empty": ""});
        let code = "{{ data.applicant.data.fiscal_code.data.fiscal_code }}";
        let made = |expression: &str| of(expression, &data);
        assert_eq!(
            made(&format!("{code}-{{{{data.year}}}}")).as_deref(),
            Some("rssmra80a01h501u-2026")
        );
        assert_eq!(
            made("nido {{ data.child.name }}{{ data.empty }}").as_deref(),
            Some("nido ada")
        );
        for none in [
            "",
            "nido",
            "{{ data.empty }}",
            "{{ data.unknown }}",
            "{{ data.child }}",
            "{{ data.year + 1 }}",
            "{{ now() }}",
            "{{ data.year",
            "data.year ~ data.child.name",
        ] {
            assert_eq!(made(none), None, "{none}");
        }
    }
}
