//! Two who act at the same moment: one wins, the other is told so by a conflict or a refusal, and history and events know
//! of one change only.

use opencity_applications::domain::Status;
use opencity_applications::store::application;
use opencity_kernel::db::DbError;
use opencity_kernel::events::Topic;
use opencity_kernel::id::ApplicationId;
use serde_json::{Value, json};

use crate::expectations::read;
use crate::lifecycle::cast::Cast;
use crate::on_both_databases;
use crate::world::Answer;

/// Times that each race is run: who is first differs.
const ROUNDS: usize = 15;

/// A call of a race: role, method, path below the application, body.
type Entry<'a> = (&'a str, &'a str, &'a str, Value);

struct Race {
    cast: Cast,
    id: ApplicationId,
}

impl Race {
    /// An application in a state, of the facts of this name.
    async fn over(cast: Cast, facts: &str, state: Status) -> Self {
        let words = &read().0[facts];
        let rows = cast.rows(facts, words, state, "");
        let id = rows.id();
        cast.put(vec![rows]).await;
        Self { cast, id }
    }

    async fn call(&self, (role, method, path, body): Entry<'_>) -> Answer {
        let path = format!("applications/{}{path}", self.id);
        self.cast
            .served
            .call(method, &path, self.cast.token(role), &body)
            .await
    }

    async fn run(&self, one: Entry<'_>, other: Entry<'_>) -> [Answer; 2] {
        let (one, other) = futures::join!(self.call(one), self.call(other));
        [one, other]
    }

    async fn object(&self) -> Answer {
        self.call(("system", "GET", "", Value::Null)).await
    }

    /// The states that the history knows of.
    async fn history(&self) -> Vec<String> {
        let history = self.call(("system", "GET", "/history", Value::Null)).await;
        let rows = history.json.as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["status_code"].to_string())
            .collect()
    }

    /// History, events and object tell the same path.
    async fn has_gone(&self, path: &[&str]) {
        assert_eq!(self.history().await, path);
        let told = self.cast.world.told(&self.id.to_string()).await;
        let told: Vec<&str> = told
            .iter()
            .map(|step| step.split_once('>').unwrap().1)
            .collect();
        assert_eq!(told, path);
        let end = *path.last().unwrap();
        assert_eq!(self.object().await.json["status"], end);
    }

    async fn anomalies(&self) -> Vec<String> {
        let id = self.id;
        self.cast
            .world
            .platform
            .database
            .read::<_, DbError>(self.cast.world.tenancy, move |scope| {
                let found = application::anomalies(scope, id)?;
                Ok(found.into_iter().map(|anomaly| anomaly.kind).collect())
            })
            .await
            .unwrap()
    }
}

/// The place of the one that succeeded; the other was refused as it should be.
#[track_caller]
fn winner(answers: &[Answer; 2], refusals: &[(u16, &str)]) -> usize {
    let won: Vec<usize> = (0..2).filter(|n| answers[*n].status < 300).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let lost = answers[1 - won[0]].told();
    assert!(
        lost == (409, "conflict") || refusals.contains(&lost),
        "{answers:?}"
    );
    won[0]
}

const NO_SUCH_ACTION: &[(u16, &str)] = &[(422, "illegal-transition")];

on_both_databases! {
    async fn of_two_acceptances_one_counts(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "plain", Status::Pending).await;
            let accept = |role, text| (role, "POST", "/transition/accept", json!({"message": text}));
            let texts = ["dall'operatore", "dall'ufficio"];
            let answers = race.run(accept("assigned", texts[0]), accept("assigned-office", texts[1])).await;
            let won = winner(&answers, NO_SUCH_ACTION);
            race.has_gone(&["7000"]).await;
            assert_eq!(race.object().await.json["outcome_motivation"], texts[won]);
            cast = race.cast;
        }
    }

    async fn of_acceptance_and_refusal_one_counts(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "required", Status::Pending).await;
            let answers = race.run(
                ("assigned", "POST", "/transition/accept", Value::Null),
                ("assigned-office", "POST", "/transition/reject", Value::Null),
            ).await;
            let won = winner(&answers, NO_SUCH_ACTION);
            race.has_gone(&[["6000", "8000"][won]]).await;
            assert_eq!(race.object().await.json["outcome"], json!(won == 0));
            cast = race.cast;
        }
    }

    // Whoever is in charge may still see it withdrawn, but not the contrary.
    async fn of_taking_in_charge_and_withdrawal_none_goes_over_the_other(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "plain", Status::Registered).await;
            let [assigned, withdrawn] = race.run(
                ("enabled", "POST", "/transition/assign", Value::Null),
                ("owner", "POST", "/transition/withdraw", Value::Null),
            ).await;
            match (assigned.told(), withdrawn.told()) {
                ((204, _), (204, _)) => race.has_gone(&["4000", "20000"]).await,
                ((204, _), (409, "conflict")) => race.has_gone(&["4000"]).await,
                ((409, "conflict") | (422, "illegal-transition"), (204, _)) => race.has_gone(&["20000"]).await,
                told => panic!("{told:?}"),
            }
            cast = race.cast;
        }
    }

    async fn of_two_registrations_the_first_number_stays(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "required", Status::Submitted).await;
            let number = |number| json!({"protocol_number": number, "protocol_folder_number": "F/1"});
            let answers = race.run(
                ("enabled", "POST", "/transition/register", number("H/0")),
                ("admin", "POST", "/transition/register", number("H/1")),
            ).await;
            let won = winner(&answers, &[(422, "illegal-transition"), (422, "registered-already")]);
            race.has_gone(&["3000"]).await;
            assert_eq!(race.object().await.json["protocol_number"], ["H/0", "H/1"][won]);
            cast = race.cast;
        }
    }

    async fn of_a_payment_told_and_one_recorded_at_the_desk_one_counts(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "immediate", Status::PaymentPending).await;
            let answers = race.run(
                ("system", "POST", "/payment", json!({"status": "OK", "status_code": "0", "status_message": "Pagato"})),
                ("enabled", "POST", "/transition/complete-payment", Value::Null),
            ).await;
            winner(&answers, NO_SUCH_ACTION);
            race.has_gone(&["1520", "1900"]).await;
            cast = race.cast;
        }
    }

    async fn money_that_meets_a_cancellation_is_counted_or_noted(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "immediate", Status::PaymentPending).await;
            let id = race.id.to_string();
            let cancel = ("enabled", "POST", "/transition/change-status", json!({"status": 50000}));
            let (cancelled, ()) = futures::join!(race.call(cancel), race.cast.world.payment(&id, 1, "COMPLETE"));
            let noted = race.anomalies().await;
            match (cancelled.told(), race.history().await.first().unwrap().as_str()) {
                ((204, _), "1520") => race.has_gone(&["1520", "1900", "50000"]).await,
                ((204, _), _) => {
                    race.has_gone(&["50000"]).await;
                    assert_eq!(noted, ["unexpected-payment"]);
                }
                ((409, "conflict"), _) => race.has_gone(&["1520", "1900"]).await,
                told => panic!("{told:?}"),
            }
            cast = race.cast;
        }
    }

    async fn a_draft_is_sent_or_deleted_and_never_both(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let race = Race::over(cast, "plain", Status::Draft).await;
            let answers = race.run(
                ("owner", "POST", "/transition/submit", Value::Null),
                ("owner", "DELETE", "", Value::Null),
            ).await;
            match winner(&answers, &[(422, "illegal-transition"), (404, "not-found")]) {
                0 => race.has_gone(&["1900"]).await,
                _ => {
                    assert_eq!(race.object().await.told(), (404, "not-found"));
                    assert!(race.cast.world.told(&race.id.to_string()).await.is_empty());
                }
            }
            cast = race.cast;
        }
    }

    async fn a_number_by_hand_and_one_of_the_registry_make_one_step(store) {
        let mut cast = Cast::start(store).await;
        for _ in 0..ROUNDS {
            let words = &read().0["required"];
            let rows = cast.rows("required", words, Status::Submitted, "registered:application-request");
            let (id, act) = (rows.id(), rows.act(opencity_applications::domain::ActKind::Request));
            cast.put(vec![rows]).await;
            let race = Race { cast, id };
            let name = id.to_string();
            let number = json!({"protocol_number": "H/1", "protocol_folder_number": "F/1"});
            let (by_hand, ()) = futures::join!(
                race.call(("enabled", "POST", "/transition/register", number)),
                race.cast.world.document(&name, &act, "REGISTRATION_COMPLETE", Some("R/1")),
            );
            let object = race.object().await;
            let told = by_hand.told();
            if told.0 == 204 {
                assert_eq!(object.json["protocol_number"], "H/1");
                assert_eq!(race.anomalies().await, ["second-number"]);
            } else {
                assert!([(409, "conflict"), (422, "illegal-transition"), (422, "registered-already")].contains(&told), "{told:?}");
                assert_eq!(object.json["protocol_number"], "R/1");
            }
            assert_eq!(race.history().await, ["3000"]);
            let events = race.cast.world.events(&[Topic::Applications]).await;
            let steps = events.iter().filter(|event| event.entity == id.uuid() && event.is_status_change());
            assert_eq!(steps.count(), 1);
            cast = race.cast;
        }
    }
}
