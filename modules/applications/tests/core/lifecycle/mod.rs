//! The life cycle over HTTP: every line of `states.csv`, asked of the served module by somebody in the line's role on an
//! application in the line's state. What is refused changes nothing; what is done is in the object, in the history and in
//! the events.

mod calls;
pub mod cast;
pub mod place;

use std::collections::BTreeMap;

use futures::StreamExt;
use opencity_applications::domain::{ActKind, Status};
use opencity_kernel::events::Topic;
use opencity_kernel::id::ApplicationId;
use serde_json::{Value, json};

use crate::expectations::{ROLES, called, expectations, read};
use crate::on_both_databases;
use crate::world::{Answer, Store};
use calls::call;
use cast::Cast;
use place::is_payable;

/// Groups that are asked at the same time.
const AT_ONCE: usize = 4;

/// What the file says of one action and role, in a group of the same facts and state.
#[derive(Debug)]
struct Asked {
    line: usize,
    action: String,
    role: String,
    expected: String,
}

impl Asked {
    fn is_refused(&self) -> bool {
        self.refusal().is_some()
    }

    /// Status and problem of a refusal.
    fn refusal(&self) -> Option<(u16, &str)> {
        if self.expected == "403" {
            return Some((403, "forbidden"));
        }
        let (status, problem) = self.expected.split_once(':')?;
        Some((status.parse().unwrap(), problem))
    }

    /// The states entered.
    fn path(&self) -> Vec<&str> {
        match self.expected.as_str() {
            "same" | "gone" | "nothing" => Vec::new(),
            path => path.split('>').collect(),
        }
    }
}

/// Lines of the same facts and state; a told outcome makes another application.
struct Group {
    facts: String,
    words: Vec<String>,
    state: Option<Status>,
    asked: Vec<Asked>,
}

fn groups(of_platform: bool) -> Vec<Group> {
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
struct Findings {
    asked: usize,
    wrong: Vec<String>,
    told: Vec<(String, Vec<String>)>,
}

impl Findings {
    fn add(&mut self, group: &Group, asked: &Asked, found: &str) {
        let state = group
            .state
            .map_or("none".to_owned(), |state| state.to_string());
        self.wrong.push(format!(
            "line {} ({}) {state}, {}, {}: {} expected, {found}",
            asked.line, group.facts, asked.action, asked.role, asked.expected
        ));
    }

    fn join(mut self, other: Self) -> Self {
        self.asked += other.asked;
        self.wrong.extend(other.wrong);
        self.told.extend(other.told);
        self
    }

    /// The change of state that a line expects is told by events, one for each state.
    fn expect_told(&mut self, id: &str, from: Option<Status>, path: &[&str]) {
        let mut from = from.map_or("-".to_owned(), |state| state.to_string());
        let mut told = Vec::new();
        // Nobody is told of a draft.
        for to in path.iter().filter(|to| **to != "1000") {
            told.push(format!("{from}>{to}"));
            from = (*to).to_owned();
        }
        self.told.push((id.to_owned(), told));
    }

    async fn settle(mut self, cast: &Cast) {
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

fn told(answer: &Answer) -> String {
    match answer.status {
        status if status < 300 => format!("{status} answered"),
        status => format!("{status}:{} answered", answer.told().1),
    }
}

fn codes(history: &Answer) -> Vec<String> {
    let rows = history.json.as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|row| row["status_code"].to_string())
        .collect()
}

impl Cast {
    async fn send(&self, id: &str, group: &Group, asked: &Asked) -> (Answer, u16) {
        let payable = is_payable(&group.words, group.state);
        let call = call(self, id, &group.facts, &asked.action, payable);
        let token = self.token(&asked.role);
        let answer = self
            .served
            .call(call.method, &call.path, token, &call.body)
            .await;
        (answer, call.success)
    }

    async fn read(&self, path: &str) -> Answer {
        self.served.get(path, self.token("system")).await
    }

    /// Everything that people see of an application.
    async fn seen(&self, id: &str) -> [Value; 3] {
        [
            self.read(&format!("applications/{id}")).await.json,
            self.read(&format!("applications/{id}/history")).await.json,
            self.read(&format!("v2/applications/{id}/messages"))
                .await
                .json,
        ]
    }

    /// Asks all that a group has, each on an application of its own unless it is refused.
    async fn ask(&self, group: &Group) -> Findings {
        match group.state {
            Some(state) => self.ask_in(state, group).await,
            None => self.create(group).await,
        }
    }

    async fn ask_in(&self, state: Status, group: &Group) -> Findings {
        let mut findings = Findings::default();
        let mut rows = Vec::new();
        let mut place = |action: &str| {
            let one = self.rows(&group.facts, &group.words, state, action);
            let id = one.id().to_string();
            rows.push(one);
            id
        };
        let still = place(&group.asked[0].action);
        let asked: Vec<(String, &Asked)> = group
            .asked
            .iter()
            .map(|asked| match asked.is_refused() {
                true => (still.clone(), asked),
                false => (place(&asked.action), asked),
            })
            .collect();
        self.put(rows).await;
        if group
            .words
            .iter()
            .any(|word| word == "system-operator-wrote")
        {
            let text = json!({"message": "Ricevuta", "visibility": "applicant"});
            for (id, _) in &asked {
                let path = format!("applications/{id}/messages");
                let wrote = self
                    .served
                    .call("POST", &path, self.token("system"), &text)
                    .await;
                assert_eq!(wrote.status, 201, "{}", wrote.text);
            }
        }
        let before = self.seen(&still).await;
        for (id, asked) in &asked {
            findings.asked += 1;
            let (answer, success) = self.send(id, group, asked).await;
            match asked.refusal() {
                Some(refusal) if answer.told() == refusal => {}
                None if answer.status == success => {
                    self.done(id, group, asked, &mut findings).await;
                }
                _ => findings.add(group, asked, &told(&answer)),
            }
        }
        if self.seen(&still).await != before {
            let refused = group.asked.iter().find(|asked| asked.is_refused());
            findings.add(group, refused.unwrap(), "the application changed");
        }
        findings.expect_told(&still, Some(state), &[]);
        findings
    }

    /// What was done is in the object and in the history.
    async fn done(&self, id: &str, group: &Group, asked: &Asked, findings: &mut Findings) {
        let object = self.read(&format!("applications/{id}")).await;
        if asked.expected == "gone" {
            if object.told() != (404, "not-found") {
                findings.add(group, asked, "the application is still there");
            }
            return;
        }
        let from = group.state.map(|state| state.to_string());
        let path = asked.path();
        let end = path.last().copied().or(from.as_deref()).unwrap_or_default();
        if object.json["status"] != end {
            findings.add(group, asked, &format!("{} reached", object.json["status"]));
        }
        let mut expected: Vec<String> = path.iter().map(|state| (*state).to_owned()).collect();
        if path.is_empty() && asked.action == "assign" {
            expected.extend(from);
        }
        let history = self.read(&format!("applications/{id}/history")).await;
        if codes(&history) != expected {
            findings.add(group, asked, &format!("history {:?}", codes(&history)));
        }
        findings.expect_told(id, group.state, &path);
    }

    async fn create(&self, group: &Group) -> Findings {
        let mut findings = Findings::default();
        let mut made = 0;
        for asked in &group.asked {
            findings.asked += 1;
            let (answer, success) = self.send("", group, asked).await;
            match asked.refusal() {
                Some(refusal) if answer.told() == refusal => {}
                None if answer.status == success => {
                    made += 1;
                    let id = answer.json["id"].as_str().unwrap().to_owned();
                    self.done(&id, group, asked, &mut findings).await;
                }
                _ => findings.add(group, asked, &told(&answer)),
            }
        }
        let mut kept = 0;
        for status in ["", "&status=1000"] {
            let service = self.service(&group.facts);
            let path = format!("applications?service_id={service}&limit=1{status}");
            kept += self.read(&path).await.json["meta"]["count"]
                .as_u64()
                .unwrap();
        }
        if kept != made {
            findings.add(group, &group.asked[0], &format!("{kept} kept, {made} made"));
        }
        findings
    }

    /// Tells what the platform's other parts say, as events.
    async fn tell(&self, rows: &place::Rows, action: &str) {
        let id = rows.id().to_string();
        let world = &self.world;
        match action.split_once(':') {
            Some(("moved", what)) => {
                let status = match what {
                    "waiting" => "PAYMENT_STARTED",
                    "confirming" => "PAYMENT_CONFIRMED",
                    "completed" => "COMPLETE",
                    _ => "PAYMENT_FAILED",
                };
                world.payment(&id, 1, status).await;
            }
            Some((_, act)) => {
                let act = rows.act(ActKind::from_document_type(act).unwrap());
                world
                    .document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/99"))
                    .await;
            }
            None => {
                let act = rows.act(ActKind::Request);
                world.document(&id, &act, "DOCUMENT_CREATED", None).await;
            }
        }
    }
}

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
