//! The catalogue's types and rules: no I/O.

pub mod attachment;
pub mod filter;
pub mod form;
pub mod service;
pub mod slug;
pub mod vocabulary;

use opencity_kernel::FieldProblem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The longest HTML text of a service, in characters.
pub const MAX_TEXT: usize = 100_000;
/// The longest name, identifier, slug or URL, in characters.
pub const MAX_LINE: usize = 255;
/// The longest short description, in characters.
pub const MAX_SHORT: usize = 160;
/// The most other things that a service, a group or a place names in one list.
const MAX_LINKS: usize = 1000;
/// The most steps of a service, and files of one of its texts.
const MAX_PARTS: usize = 100;

/// Leaves each entry in its first place alone.
fn without_repetition<T: Copy + Eq + std::hash::Hash>(list: &mut Vec<T>) {
    let mut seen = std::collections::HashSet::new();
    list.retain(|entry| seen.insert(*entry));
}

/// The texts that services and their groups share. All are HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Texts {
    /// What it is, in at most 160 characters.
    #[schema(max_length = 160)]
    pub short_description: Option<String>,
    /// What it is.
    #[schema(max_length = 100000)]
    pub description: Option<String>,
    /// How to get it.
    #[schema(max_length = 100000)]
    pub howto: Option<String>,
    /// How it is done.
    #[schema(max_length = 100000)]
    pub how_to_do: Option<String>,
    /// What one needs for it.
    #[schema(max_length = 100000)]
    pub what_you_need: Option<String>,
    /// What one gets.
    #[schema(max_length = 100000)]
    pub what_you_get: Option<String>,
    /// What it costs.
    #[schema(max_length = 100000)]
    pub costs: Option<String>,
    /// Whom it is for.
    #[schema(max_length = 100000)]
    pub who: Option<String>,
    /// Special cases.
    #[schema(max_length = 100000)]
    pub special_cases: Option<String>,
    /// More information.
    #[schema(max_length = 100000)]
    pub more_info: Option<String>,
    /// Constraints.
    #[schema(max_length = 100000)]
    pub constraints: Option<String>,
    /// Times and deadlines.
    #[schema(max_length = 100000)]
    pub times_and_deadlines: Option<String>,
    /// Conditions.
    #[schema(max_length = 100000)]
    pub conditions: Option<String>,
    /// What is told before compiling.
    #[schema(max_length = 100000)]
    pub compilation_info: Option<String>,
    /// What is told at the end.
    #[schema(max_length = 100000)]
    pub final_indications: Option<String>,
}

const TEXTS: [&str; 15] = [
    "short_description",
    "description",
    "howto",
    "how_to_do",
    "what_you_need",
    "what_you_get",
    "costs",
    "who",
    "special_cases",
    "more_info",
    "constraints",
    "times_and_deadlines",
    "conditions",
    "compilation_info",
    "final_indications",
];

impl Texts {
    /// What is wrong with the texts of a body.
    pub(crate) fn faults(body: &Map<String, Value>) -> Vec<FieldProblem> {
        let mut faults = Vec::new();
        for name in TEXTS {
            let most = if name == "short_description" {
                MAX_SHORT
            } else {
                MAX_TEXT
            };
            match body.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.chars().count() > most => {
                    faults.push(FieldProblem::new(
                        name,
                        "max_length",
                        format!("Give at most {most} characters."),
                    ));
                }
                Some(Value::String(_)) => {}
                Some(_) => faults.push(FieldProblem::new(name, "type", "Give a text.")),
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_short_description_has_160_characters_at_most_whatever_their_bytes() {
        let texts =
            |text: String| Texts::faults(json!({"short_description": text}).as_object().unwrap());
        assert!(texts("è".repeat(160)).is_empty());
        assert_eq!(texts("e".repeat(161)).first().unwrap().code, "max_length");
    }

    #[test]
    fn the_list_of_texts_is_that_of_the_type() {
        let Value::Object(all) = serde_json::to_value(Texts::default()).unwrap() else {
            unreachable!()
        };
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), TEXTS);
    }
}
