//! What the file says, in groups that are asked together, and what came out otherwise.

use std::collections::BTreeMap;

use opencity_applications::domain::Status;
use opencity_kernel::events::Topic;

use super::cast::Cast;
use crate::expectations::{expectations, read};

/// What the file says of one action and role, in a group of the same facts and state.
#[derive(Debug)]
pub struct Asked {
    pub line: usize,
    pub action: String,
    pub role: String,
    pub expected: String,
}

impl Asked {
    pub fn is_refused(&self) -> bool {
        self.refusal().is_some()
    }

    /// Status and problem of a refusal.
    pub fn refusal(&self) -> Option<(u16, &str)> {
        if self.expected == "403" {
            return Some((403, "forbidden"));
        }
        let (status, problem) = self.expected.split_once(':')?;
        Some((status.parse().unwrap(), problem))
    }

    /// The states entered.
    pub fn path(&self) -> Vec<&str> {
        match self.expected.as_str() {
            "same" | "gone" | "nothing" => Vec::new(),
            path => path.split('>').collect(),
        }
    }
}

/// Lines of the same facts and state; a told outcome makes another application.
pub struct Group {
    pub facts: String,
    pub words: Vec<String>,
    pub state: Option<Status>,
    pub asked: Vec<Asked>,
}

pub fn groups(of_platform: bool) -> Vec<Group> {
    let (facts, lines) = read();
    let mut groups: BTreeMap<(String, String, String), Group> = BTreeMap::new();
    for ((name, (state, action, role)), (line, expected)) in expectations(&lines) {
        if (role == "platform") != of_platform {
            continue;
        }
        let words = facts[&name].clone();
        // How the rows are put depends on the action here.
        let told = of_platform || words.iter().any(|word| word == "same-payment-outcome");
        let key = if told { action.clone() } else { String::new() };
        let group = groups
            .entry((name.clone(), state.clone(), key))
            .or_insert_with(|| Group {
                facts: name,
                words,
                state: state.parse().ok(),
                asked: Vec::new(),
            });
        group.asked.push(Asked {
            line,
            action,
            role,
            expected,
        });
    }
    groups.into_values().collect()
}

/// What came out otherwise than the file says, and the changes of state that events must tell.
#[derive(Default)]
pub struct Findings {
    pub asked: usize,
    pub wrong: Vec<String>,
    pub told: Vec<(String, Vec<String>)>,
}

impl Findings {
    pub fn add(&mut self, group: &Group, asked: &Asked, found: &str) {
        let state = group
            .state
            .map_or("none".to_owned(), |state| state.to_string());
        self.wrong.push(format!(
            "line {} ({}) {state}, {}, {}: {} expected, {found}",
            asked.line, group.facts, asked.action, asked.role, asked.expected
        ));
    }

    pub fn join(mut self, other: Self) -> Self {
        self.asked += other.asked;
        self.wrong.extend(other.wrong);
        self.told.extend(other.told);
        self
    }

    /// The change of state that a line expects is told by events, one for each state.
    pub fn expect_told(&mut self, id: &str, from: Option<Status>, path: &[&str]) {
        let mut from = from.map_or("-".to_owned(), |state| state.to_string());
        let mut told = Vec::new();
        // Nobody is told of a draft.
        for to in path.iter().filter(|to| **to != "1000") {
            told.push(format!("{from}>{to}"));
            from = (*to).to_owned();
        }
        self.told.push((id.to_owned(), told));
    }

    pub async fn settle(mut self, cast: &Cast) {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in cast.world.events(&[Topic::Applications]).await {
            if event.is_status_change() {
                let (from, to) = (event.changed_from(), event.changed_to());
                told.entry(event.entity.to_string())
                    .or_default()
                    .push(format!("{}>{}", from.unwrap_or("-"), to.unwrap()));
            }
        }
        for (id, expected) in &self.told {
            let told = told.get(id).cloned().unwrap_or_default();
            if told != *expected {
                self.wrong
                    .push(format!("{id}: events {expected:?} expected, {told:?} told"));
            }
        }
        assert!(self.asked > 0);
        assert!(
            self.wrong.is_empty(),
            "{} of {} differ:\n{}",
            self.wrong.len(),
            self.asked,
            self.wrong.join("\n")
        );
    }
}
