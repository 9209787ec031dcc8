//! The life cycle over HTTP: every line of `states.csv`, asked of the served module by somebody in the line's role on an
//! application in the line's state. What is refused changes nothing; what is done is in the object, in the history and in
//! the events.

mod asking;
mod calls;
pub mod cast;
mod findings;
pub mod place;

use std::collections::BTreeSet;

use futures::StreamExt;
use opencity_applications::domain::Status;
use opencity_kernel::id::ApplicationId;
use opencity_kernel::module::Module as _;
use opencity_testing::Store;
use serde_json::json;

use crate::expectations::{ROLES, called, read};
use crate::on_both_databases;
use calls::call;
use cast::Cast;
use findings::{Asked, Findings, Group, groups};

/// Groups that are asked at the same time.
const AT_ONCE: usize = 4;

/// Asks of all these groups.
async fn ask_all(store: Store, groups: Vec<Group>) {
    let cast = Cast::start(store).await;
    // What creates counts what is there: before all else is put.
    let (creating, others): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| group.state.is_none());
    let mut findings = Findings::default();
    for group in &creating {
        findings = findings.join(cast.ask(group).await);
    }
    let mut asked =
        futures::stream::iter(others.iter().map(|group| cast.ask(group))).buffer_unordered(AT_ONCE);
    while let Some(found) = asked.next().await {
        findings = findings.join(found);
    }
    drop(asked);
    findings.settle(&cast).await;
}

/// The lines that cover every triple, a few states in each test.
macro_rules! every_triple {
    ($($name:ident = [$($code:literal),*];)*) => {
        mod every_triple_is_answered_as_the_file_says {
            use super::*;
            $(#[actix_web::test]
            async fn $name() { ask_all(Store::Sqlite, in_states(&[$($code),*])).await; })*
        }
        /// Every state is in one of the tests.
        #[test]
        fn no_state_is_left_out() {
            let mut named: Vec<i32> = vec![$($($code),*),*];
            named.sort_unstable();
            let mut all: Vec<i32> = Status::ALL.iter().map(|state| state.code()).chain([0]).collect();
            all.sort_unstable();
            assert_eq!(named, all);
        }
    };
}

every_triple! {
    // 0: before it exists.
    until_it_is_paid = [0, 1000, 1500, 1510, 1520];
    until_it_is_registered = [1530, 1900, 2000, 3000];
    in_charge = [4000, 4100, 4200, 4300];
    until_the_outcome = [4400, 4500, 5000, 6000];
    at_the_end = [7000, 8000, 9000, 20000, 50000];
}

fn in_states(codes: &[i32]) -> Vec<Group> {
    let mut groups = groups(false);
    groups.retain(|group| {
        let code = group.state.map_or(0, Status::code);
        group.facts == "plain" && codes.contains(&code)
    });
    groups
}

on_both_databases! {
    async fn each_fact_changes_what_the_file_says(store) {
        let mut groups = groups(false);
        groups.retain(|group| group.facts != "plain");
        ask_all(store, groups).await;
    }

    async fn what_payments_and_documents_tell_moves_what_the_file_says(store) {
        let cast = Cast::start(store).await;
        let mut findings = Findings::default();
        for group in groups(true) {
            let (state, asked) = (group.state.unwrap(), &group.asked[0]);
            // What is left at once is seen in the paths of the calls; a draft has no act; and a document that has its
            // number exists, so that its event tells both.
            let telling = match asked.action.as_str() {
                "at-once" => false,
                "pdf-ready" => state != Status::Draft,
                "registered:application-request" => state != Status::PreSubmit,
                _ => true,
            };
            if !telling {
                continue;
            }
            findings.asked += 1;
            let rows = cast.rows(&group.facts, &group.words, state, &asked.action);
            let id = rows.id().to_string();
            cast.put(vec![rows.clone()]).await;
            cast.tell(&rows, &asked.action).await;
            cast.done(&id, &group, asked, &mut findings).await;
        }
        findings.settle(&cast).await;
    }

    async fn an_unknown_application_is_told_before_anything_else(store) {
        let cast = Cast::start(store).await;
        let unknown = ApplicationId::new().to_string();
        for action in called() {
            let call = call(&cast, &unknown, "plain", &action, false);
            for role in ROLES {
                let answer = cast.served.call(call.method, &call.path, cast.token(role), &call.body).await;
                // Other modules tell outcomes of payments, and nothing else.
                let expected = match role {
                    "service" if !action.starts_with("payment:") => (403, "forbidden"),
                    _ => (404, "not-found"),
                };
                assert_eq!(answer.told(), expected, "{action}, {role}");
            }
        }
    }
}

/// What is done, and what each action is refused to whom: the lines that cover every triple, without those who are refused
/// in the same manner.
#[actix_web::test]
async fn postgresql_answers_in_the_same_manner() {
    let mut groups = in_states(&Status::ALL.map(Status::code));
    groups.extend(in_states(&[0]));
    for group in &mut groups {
        let is_sample = |asked: &Asked| !asked.is_refused() || asked.role == "related";
        group.asked.retain(is_sample);
    }
    ask_all(Store::Postgres, groups).await;
}

/// Who may not view is told so, then that the state has no such action, then that he is the wrong person; what is wrong in
/// the body comes last.
#[actix_web::test]
async fn what_is_wrong_in_the_body_is_told_last() {
    let cast = Cast::start(Store::Sqlite).await;
    let (facts, _) = read();
    let words = &facts["required"];
    let [waiting, charged] =
        [Status::Submitted, Status::Pending].map(|state| cast.rows("required", words, state, ""));
    let (in_2000, in_4000) = (waiting.id(), charged.id());
    cast.put(vec![waiting, charged]).await;
    for (id, action, body) in [
        (in_2000, "register", json!({})),
        (in_2000, "change-status", json!({})),
        (in_4000, "request-integration", json!({})),
        (in_4000, "assign", json!({"user_id": ApplicationId::new()})),
    ] {
        let path = format!("applications/{id}/transition/{action}");
        let asked = async |role: &str| {
            let answer = cast
                .served
                .call("POST", &path, cast.token(role), &body)
                .await;
            (answer.status, answer.told().1.to_owned())
        };
        let refused = |status: u16, problem: &str| (status, problem.to_owned());
        assert_eq!(
            asked("stranger").await,
            refused(403, "forbidden"),
            "{action}"
        );
        let (editor, wrong) = match action {
            "request-integration" => ("assigned", "enabled"),
            "assign" => ("enabled", "admin"),
            _ => ("enabled", "owner"),
        };
        if action != "change-status" {
            assert_eq!(asked(wrong).await, refused(403, "forbidden"), "{action}");
        }
        let told = match action {
            "assign" => refused(422, "protocol-number-missing"),
            _ => refused(422, "validation"),
        };
        assert_eq!(asked(editor).await, told, "{action}");
    }
    let path = format!("applications/{in_4000}/transition/register");
    let early = cast
        .served
        .call("POST", &path, cast.token("enabled"), &json!({}))
        .await;
    assert_eq!(early.told(), (422, "illegal-transition"));
    assert_eq!(early.json["state"], "4000");
    assert!(
        early.json["allowed"]
            .as_array()
            .unwrap()
            .contains(&json!("accept")),
        "{}",
        early.text
    );
}

/// What a transition requires is in its description: what is missing in a body without anything is named, field by field.
#[actix_web::test]
async fn the_description_requires_what_is_refused_when_it_is_missing() {
    let cast = Cast::start(Store::Sqlite).await;
    let (facts, _) = read();
    let words = &facts["required"];
    let document = serde_json::to_value(cast.world.module.openapi()).unwrap();
    let mut undemanding = document["paths"].as_object().unwrap().clone();
    undemanding.retain(|path, _| path.contains("/transition/"));
    let descriptions: BTreeSet<String> = undemanding
        .values()
        .map(|path| path["post"]["description"].to_string())
        .collect();
    assert_eq!(descriptions.len(), undemanding.len());
    for (state, role, action) in [
        (Status::Submitted, "enabled", "register"),
        (Status::Pending, "assigned", "request-integration"),
        (
            Status::RequestIntegration,
            "enabled",
            "register-integration-request",
        ),
        (
            Status::SubmittedAfterIntegration,
            "enabled",
            "register-integration-answer",
        ),
        (Status::CompleteWaiting, "enabled", "register-outcome"),
        (Status::Pending, "enabled", "change-status"),
    ] {
        let rows = cast.rows("required", words, state, "");
        let path = format!("applications/{}/transition/{action}", rows.id());
        cast.put(vec![rows]).await;
        let token = cast.token(role);
        let answer = cast.served.call("POST", &path, token, &json!({})).await;
        assert_eq!(answer.told(), (422, "validation"), "{action}");
        let errors = answer.json["errors"].as_array().unwrap();
        let missing: Vec<&str> = errors
            .iter()
            .map(|one| one["field"].as_str().unwrap())
            .collect();

        let described = format!("/lang/api/applications/{{id}}/transition/{action}");
        let body = undemanding.remove(&described).unwrap()["post"]["requestBody"].clone();
        assert_eq!(body["required"], true, "{action}");
        let schema = &body["content"]["application/json"]["schema"]["$ref"];
        let name = schema.as_str().unwrap().rsplit('/').next().unwrap();
        let required = &document["components"]["schemas"][name]["required"];
        assert_eq!(required, &json!(missing), "{action}");
    }
    for (path, operation) in undemanding {
        assert_ne!(operation["post"]["requestBody"]["required"], true, "{path}");
    }
}
