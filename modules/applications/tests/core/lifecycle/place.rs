//! Applications put where a line of the file begins: by rows, as an import would.

use std::sync::Arc;
use std::time::Duration;

use opencity_applications::domain::{ActKind, Status};
use opencity_applications::store::application::{
    self, Act, Application, Details, Integration, PaymentOutcome, ProtocolData,
};
use opencity_applications::store::payment::{self, PaymentRow};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::DbError;
use opencity_kernel::id::{ActId, ApplicationId, PaymentId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use serde_json::{Value, json};

use super::cast::{Cast, RELATED};

/// The rows of one application.
#[derive(Clone)]
pub struct Rows {
    pub application: Application,
    acts: Vec<Act>,
    payment: Option<PaymentRow>,
}

impl Rows {
    pub fn id(&self) -> ApplicationId {
        self.application.id
    }

    /// The last act of a kind, as events name it.
    pub fn act(&self, kind: ActKind) -> Value {
        let act = self
            .acts
            .iter()
            .rfind(|act| act.act_kind() == Some(kind))
            .unwrap();
        json!({"id": act.id, "type": kind.document_type()})
    }
}

/// A payment is open, or failed: there is something to pay, and an attempt.
fn is_being_paid(state: Status) -> bool {
    matches!(
        state,
        Status::PaymentPending | Status::PaymentOutcomePending | Status::PaymentError
    )
}

/// The data of an application; `payable` with an amount.
pub fn data(payable: bool) -> Value {
    let mut data = json!({
        "applicant": {"data": {
            "completename": {"data": {"name": "Mario", "surname": "Rossi"}},
            "fiscal_code": {"data": {"fiscal_code": "RSSMRA80A01H501U"}},
            "email_address": "mario.rossi@example.org",
        }},
        "subject": "Passo carrabile",
    });
    if payable {
        data["payment_amount"] = json!("48.00");
    }
    data
}

/// Whether these facts, or this state, have something to pay.
pub fn is_payable(words: &[String], state: Option<Status>) -> bool {
    words.iter().any(|word| word == "amount-due") || state.is_some_and(is_being_paid)
}

impl Cast {
    /// An application in a state, of the facts of this name, about to be asked for an action.
    pub fn rows(&self, name: &str, words: &[String], state: Status, action: &str) -> Rows {
        let is = |word: &str| words.iter().any(|held| held == word);
        let now = clock::now();
        let mut application = self.application(name, words, state, now);
        let act = |kind: ActKind| Act {
            tenant_id: application.tenant_id,
            id: ActId::new(),
            application_id: application.id,
            kind: kind.document_type().to_owned(),
            actor_id: None,
            messages: Json::of(&Vec::<ActId>::new()).unwrap(),
            files: Json::of(&Vec::<ActId>::new()).unwrap(),
            protocol_number: is("act-number").then(|| "2026/7".to_owned()),
            protocol_document_id: None,
            protocolled_at: is("act-number").then_some(now),
            folder_number: None,
            folder_code: None,
            document_id: None,
            document_status: None,
            document_version: 0,
            document_file: None,
            call_in_flight_until: is("call-in-flight").then(|| now.plus(Duration::from_secs(3600))),
            created_at: now,
        };
        let mut acts = Vec::new();
        let asked = matches!(
            state,
            Status::RequestIntegration
                | Status::DraftForIntegration
                | Status::SubmittedAfterIntegration
        );
        // The act that an event is of comes last.
        let told = action
            .strip_prefix("registered:")
            .and_then(ActKind::from_document_type);
        let mut kinds = Vec::new();
        if is("request-act") && state != Status::Draft {
            kinds.push(ActKind::Request);
        }
        if is("act-number") || is("call-in-flight") {
            kinds.extend(ActKind::NUMBERED);
        } else if asked {
            kinds.push(ActKind::IntegrationRequest);
        }
        kinds.extend(told);
        for kind in kinds {
            acts.push(act(kind));
        }
        if is("act-current") {
            application.current_act_id = acts.last().map(|act| act.id);
        }
        let mut details = Details {
            related_cfs: vec![RELATED.to_owned()],
            ..Details::default()
        };
        if let Some(request) = acts
            .iter()
            .rfind(|act| asked && act.act_kind() == Some(ActKind::IntegrationRequest))
        {
            details.integrations.push(Integration {
                request: request.id,
                response: None,
                done: false,
                asked_at: now,
            });
        }
        if is("act-number") {
            details.outcome_number = ProtocolData {
                number: Some("2026/7".to_owned()),
                document_id: None,
                at: Some(now),
            };
        }
        if is("same-payment-outcome") {
            details.payment_outcome = Some(PaymentOutcome {
                attempt: application.attempt,
                ok: action == "payment:OK",
            });
        }
        application.set_details(&details).unwrap();
        let payment = is_being_paid(state).then(|| open_payment(&application, state, now));
        Rows {
            application,
            acts,
            payment,
        }
    }

    fn application(
        &self,
        name: &str,
        words: &[String],
        state: Status,
        now: Instant,
    ) -> Application {
        let is = |word: &str| words.iter().any(|held| held == word);
        let origin = ["draft", "acceptance", "asked"]
            .into_iter()
            .find(|origin| is(&format!("origin-{origin}")));
        let payment_data = json!({
            "reason": "Passo carrabile", "amount": "48.00", "expire_at": now, "split": null, "stamps": null,
            "notify": {"url": "http://localhost/x", "method": "POST"},
            "landing": {"url": "http://localhost/x", "method": "GET"},
            "config_id": crate::world::CONFIG, "attempt": 1,
        });
        Application {
            tenant_id: self.world.tenancy.tenant_id(),
            id: ApplicationId::new(),
            service_id: self.service(name),
            user_id: self.world.citizen,
            user_name: Some("Mario Rossi".to_owned()),
            status: state.code(),
            created_at: now,
            submitted_at: is("submitted").then_some(now),
            status_changed_at: now,
            flow_changed_at: now,
            updated_at: now,
            // With the assignment asked for again, the office has it alone.
            operator_id: (!is("same-assignee")).then_some(self.assigned),
            office_id: Some(self.assigned_office),
            subject: None,
            external_id: None,
            locale: "it".to_owned(),
            form_id: None,
            form_version: None,
            submission: data(is_payable(words, Some(state))).to_string(),
            protocol_number: is("request-number").then(|| "2026/1".to_owned()),
            protocolled_at: is("request-number").then_some(now),
            outcome: is("outcome-given").then_some(true),
            outcome_motivation: None,
            payment_type: None,
            payment_data: is("payment-data").then(|| payment_data.to_string()),
            payment_origin: origin.map(str::to_owned),
            attempt: i32::from(is_being_paid(state)),
            current_act_id: None,
            details: String::new(),
            version: 1,
        }
    }

    /// Writes the rows, all in one transaction.
    pub async fn put(&self, rows: Vec<Rows>) {
        let database = ModuleContext::new(
            Arc::clone(&self.world.platform),
            opencity_applications::INFO,
        )
        .db;
        database
            .write::<_, DbError>(self.world.tenancy, move |scope| {
                for one in &rows {
                    application::insert(scope, &one.application)?;
                    for act in &one.acts {
                        application::insert_act(scope, act)?;
                    }
                    if let Some(payment) = &one.payment {
                        payment::insert(scope, payment)?;
                    }
                }
                Ok(())
            })
            .await
            .unwrap();
    }
}

fn open_payment(application: &Application, state: Status, now: Instant) -> PaymentRow {
    let status = match state {
        Status::PaymentPending => "PAYMENT_PENDING",
        Status::PaymentOutcomePending => "PAYMENT_CONFIRMED",
        _ => "PAYMENT_FAILED",
    };
    PaymentRow {
        tenant_id: application.tenant_id,
        application_id: application.id,
        attempt: 1,
        item: "amount".to_owned(),
        amount: 4800,
        payment_id: Some(PaymentId::random()),
        reason: None,
        status: status.to_owned(),
        settled_by_hand: false,
        cancelled_by_us: false,
        links: None,
        payment_version: 0,
        created_at: now,
        updated_at: now,
    }
}
