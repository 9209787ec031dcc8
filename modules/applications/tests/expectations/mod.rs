//! `states.csv`, read: what the life cycle must be, as somebody wrote it by hand.
#![allow(dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use opencity_applications::domain::{ActKind, Status};

const CSV: &str = include_str!("../states.csv");

pub const ROLES: [&str; 11] = [
    "owner",
    "related",
    "other-citizen",
    "assigned",
    "assigned-office",
    "enabled",
    "office",
    "system",
    "admin",
    "service",
    "stranger",
];
/// Calls on an application that exists; `change-status` comes with every state beside.
pub const CALLED: [&str; 24] = [
    "submit",
    "delete",
    "put",
    "patch",
    "backoffice",
    "register",
    "register-outcome",
    "register-integration-request",
    "register-integration-answer",
    "assign",
    "accept",
    "reject",
    "request-integration",
    "accept-integration",
    "cancel-integration",
    "withdraw",
    "complete-payment",
    "payment:OK",
    "payment:KO",
    "message",
    "patch-protocol:application-request",
    "patch-protocol:integration-request",
    "patch-protocol:integration-response",
    "patch-protocol:application-outcome",
];

pub struct Line {
    pub number: usize,
    pub states: Vec<String>,
    pub actions: Vec<String>,
    pub roles: Vec<String>,
    pub facts: String,
    pub expected: String,
}

/// State, action, role.
pub type Triple = (String, String, String);

pub fn states() -> Vec<String> {
    Status::ALL.iter().map(ToString::to_string).collect()
}

pub fn called() -> Vec<String> {
    let mut all: Vec<String> = CALLED.map(str::to_owned).to_vec();
    all.extend(
        states()
            .iter()
            .map(|state| format!("change-status:{state}")),
    );
    all
}

fn created() -> Vec<String> {
    let mut all = vec!["create:none".to_owned()];
    all.extend(states().iter().map(|state| format!("create:{state}")));
    all
}

pub fn of_platform() -> Vec<String> {
    let mut all: Vec<String> = [
        "pdf-ready",
        "at-once",
        "moved:waiting",
        "moved:confirming",
        "moved:completed",
        "moved:failed",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend(ActKind::ALL.map(|kind| format!("registered:{}", kind.document_type())));
    all
}

pub fn every_triple() -> BTreeSet<Triple> {
    let mut triples = BTreeSet::new();
    let mut add = |states: &[String], actions: &[String], roles: &[&str]| {
        for state in states {
            for action in actions {
                for role in roles {
                    triples.insert((state.clone(), action.clone(), (*role).to_owned()));
                }
            }
        }
    };
    add(&["none".to_owned()], &created(), &ROLES);
    add(&states(), &called(), &ROLES);
    add(&states(), &of_platform(), &["platform"]);
    triples
}

fn list(cell: &str) -> Vec<String> {
    cell.split('|').map(|word| word.trim().to_owned()).collect()
}

fn actions_of(cell: &str) -> Vec<String> {
    match cell {
        "@called" => called(),
        "@created" => created(),
        "@platform" => of_platform(),
        "@protocol" => called()
            .into_iter()
            .filter(|name| name.starts_with("patch-protocol:"))
            .collect(),
        named => list(named),
    }
}

/// The names of facts with the words that are true, and the lines.
pub fn read() -> (BTreeMap<String, Vec<String>>, Vec<Line>) {
    let mut facts = BTreeMap::new();
    let mut lines = Vec::new();
    for (index, text) in CSV.lines().enumerate() {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = text.split(',').collect();
        if let ["facts", name, words] = cells[..] {
            facts.insert(name.to_owned(), list(words));
            continue;
        }
        let [states_cell, actions, roles, name, expected] = cells[..] else {
            panic!("line {}: five columns", index + 1);
        };
        lines.push(Line {
            number: index + 1,
            states: if states_cell == "*" {
                states()
            } else {
                list(states_cell)
            },
            actions: actions_of(actions),
            roles: if roles == "*" {
                ROLES.map(str::to_owned).to_vec()
            } else {
                list(roles)
            },
            facts: name.to_owned(),
            expected: expected.to_owned(),
        });
    }
    (facts, lines)
}

/// What the file expects, by name of facts and triple, with the line that says it.
pub fn expectations(lines: &[Line]) -> BTreeMap<(String, Triple), (usize, String)> {
    let known = every_triple();
    let mut expected = BTreeMap::new();
    for line in lines {
        for state in &line.states {
            for action in &line.actions {
                for role in &line.roles {
                    let triple = (state.clone(), action.clone(), role.clone());
                    assert!(
                        known.contains(&triple),
                        "line {}: no such triple {triple:?}",
                        line.number
                    );
                    expected
                        .entry((line.facts.clone(), triple))
                        .or_insert_with(|| (line.number, line.expected.clone()));
                }
            }
        }
    }
    expected
}
