//! A group is asked: each line on an application of its own, all that is refused on one that must not change.

use opencity_applications::domain::{ActKind, Status};
use serde_json::{Value, json};

use super::calls::call;
use super::cast::Cast;
use super::findings::{Asked, Findings, Group};
use super::place::{self, is_payable};
use crate::world::Answer;

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
    pub async fn ask(&self, group: &Group) -> Findings {
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
    pub async fn done(&self, id: &str, group: &Group, asked: &Asked, findings: &mut Findings) {
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
    pub async fn tell(&self, rows: &place::Rows, action: &str) {
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
