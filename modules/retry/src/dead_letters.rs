//! What an administrator does with dead letters: for the API and for `opencity events`.

use opencity_kernel::db::{Database, DbError, Tenancy, WriteScope};
use opencity_kernel::events::Redelivery;
use opencity_kernel::id::{DeadLetterId, EventId, HistoryId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::{Problem, ProblemKind, clock};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::{Schedule, State};
use crate::store::EntityId;
use crate::store::dead_letter::{self, DeadLetterRow, DecisionRow, Filter, Window};

/// A dead letter, without the event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadLetter {
    /// The letter.
    pub id: DeadLetterId,
    /// The tenant; null for bytes that belong to none.
    pub tenant_id: Option<TenantId>,
    /// How it stands.
    pub state: State,
    /// The consumer that could not take the event.
    #[schema(max_length = 200, example = "documents.dispatcher")]
    pub consumer: String,
    /// Where the event came from.
    #[schema(max_length = 200, example = "applications")]
    pub topic: String,
    /// The event as it was first written.
    pub original_event_id: EventId,
    /// What the event is about.
    pub entity_id: EntityId,
    /// Attempts made since the first failure or the last redrive.
    #[schema(minimum = 0, maximum = 1000)]
    pub attempts: i64,
    /// Whether the consumer said that another attempt cannot help.
    pub permanent: bool,
    /// Whether it can be sent back: it is an event, and its topic exists.
    pub redeliverable: bool,
    /// Why it failed last.
    pub error: LetterError,
    /// When it failed first.
    pub first_failed_at: Instant,
    /// When it became a dead letter for the first time.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// Why an event failed. Without personal data.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LetterError {
    /// The kind.
    #[schema(
        max_length = 200,
        example = "/docs/problems/event-not-taken#malformed-event"
    )]
    pub r#type: String,
    /// A sentence.
    #[schema(max_length = 2000)]
    pub detail: String,
}

/// A dead letter with its event and what was decided on it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadLetterDetail {
    /// The letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The queue's entry: the event with `retry_meta`, or `raw` (base64) for bytes that did not parse.
    #[schema(value_type = Object)]
    pub event: Value,
    /// Who redrove or discarded it.
    #[schema(max_items = 1000)]
    pub decisions: Vec<Decision>,
}

/// A decision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Decision {
    /// `redrive` or `discard`.
    #[schema(max_length = 20, example = "discard")]
    pub action: String,
    /// Why.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// The user's id, or who ran the command.
    #[schema(max_length = 200)]
    pub decided_by: String,
    /// When.
    pub decided_at: Instant,
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            id: row.id,
            tenant_id: (!row.tenant_id.uuid().is_nil()).then_some(row.tenant_id),
            state: State::parse(&row.state).unwrap_or(State::Dead),
            consumer: row.consumer,
            topic: row.topic,
            original_event_id: row.original_event_id,
            entity_id: row.entity_id,
            attempts: row.attempts,
            permanent: row.permanent,
            redeliverable: row.redeliverable,
            error: LetterError {
                r#type: row.error_type,
                detail: row.error_detail,
            },
            first_failed_at: row.first_failed_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The dead letters of the installation. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters {
    db: Database,
    attempts: i64,
}

impl DeadLetters {
    /// The dead letters in this database; redriven ones get the attempts of the schedule.
    #[must_use]
    pub fn new(db: &Database, schedule: &Schedule) -> Self {
        Self {
            db: db.for_module(crate::INFO),
            attempts: schedule.attempts(),
        }
    }

    /// A part of the list, and how many there are in all.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn list(
        &self,
        filter: Filter,
        window: Window,
    ) -> Result<(i64, Vec<DeadLetter>), Problem> {
        self.db
            .read_across("the platform administrator's list", move |scope| {
                let count = dead_letter::count(scope, &filter)?;
                let rows = dead_letter::page(scope, &filter, &window)?;
                Ok((count, rows.into_iter().map(DeadLetter::from).collect()))
            })
            .await
    }

    /// One letter with its event, which holds personal data.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`].
    pub async fn get(&self, id: DeadLetterId) -> Result<DeadLetterDetail, Problem> {
        let tenancy = self.tenancy_of(id).await?;
        self.db
            .read(tenancy, move |scope| {
                let row = dead_letter::find(scope, id)?.ok_or_else(unknown)?;
                let decisions = dead_letter::decisions(scope, id)?
                    .into_iter()
                    .map(decision_of)
                    .collect();
                let event = serde_json::from_str(&row.payload).map_err(DbError::json)?;
                Ok(DeadLetterDetail {
                    letter: row.into(),
                    event,
                    decisions,
                })
            })
            .await
    }

    /// That there is such a letter.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`].
    pub async fn require(&self, id: DeadLetterId) -> Result<(), Problem> {
        self.tenancy_of(id).await.map(drop)
    }

    /// Sends a letter's event back to its topic; its attempts are counted from the beginning.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`]; [`ProblemKind::Conflict`] if it is not dead, or cannot go back.
    pub async fn redrive(&self, id: DeadLetterId, by: &str) -> Result<(), Problem> {
        let fields = json!({"attempt": 0, "max_attempts": self.attempts, "discarded": false});
        self.decide(id, State::Redriven, "redrive", None, by, fields)
            .await
    }

    /// Gives a letter's event up: its consumer is told, records it and goes on with what waits behind it.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`]; [`ProblemKind::Conflict`] if it is not dead;
    /// [`ProblemKind::Validation`] without a reason.
    pub async fn discard(&self, id: DeadLetterId, reason: &str, by: &str) -> Result<(), Problem> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Problem::field(
                "reason",
                "required",
                "Say why the event is given up.",
            ));
        }
        if reason.chars().count() > 1000 {
            return Err(Problem::field(
                "reason",
                "max_length",
                "Give at most 1000 characters.",
            ));
        }
        self.decide(
            id,
            State::Discarded,
            "discard",
            Some(reason.to_owned()),
            by,
            json!({"discarded": true}),
        )
        .await
    }

    async fn tenancy_of(&self, id: DeadLetterId) -> Result<Tenancy, Problem> {
        let row = self
            .db
            .read_across("a letter names its tenant", move |scope| {
                dead_letter::of_any_tenant(scope, id)
            })
            .await?
            .ok_or_else(unknown)?;
        Ok(Tenancy::from_row(row.tenant_id))
    }

    async fn decide(
        &self,
        id: DeadLetterId,
        state: State,
        action: &'static str,
        reason: Option<String>,
        by: &str,
        fields: Value,
    ) -> Result<(), Problem> {
        let tenancy = self.tenancy_of(id).await?;
        let by = by.to_owned();
        self.db
            .write(tenancy, move |scope| {
                let letter = dead_letter::find(scope, id)?.ok_or_else(unknown)?;
                if letter.state != State::Dead.as_str() {
                    return Err(Problem::new(
                        ProblemKind::Conflict,
                        format!(
                            "The dead letter is {} already. Read it again and decide anew.",
                            letter.state
                        ),
                    ));
                }
                let decision = DecisionRow {
                    tenant_id: letter.tenant_id,
                    id: HistoryId::new(),
                    dead_letter_id: id,
                    action: action.to_owned(),
                    reason,
                    decided_by: by,
                    decided_at: clock::now(),
                };
                // A number that was never used: the consumer's inbox takes it for a new delivery.
                let redelivery = letter.redelivery + 1;
                dead_letter::decide(scope, &letter, state, redelivery, &decision)?;
                send_back(scope, &letter, state, redelivery, fields)
            })
            .await?;
        tracing::info!(id = %id, action, "a dead letter was decided on");
        Ok(())
    }
}

fn send_back(
    scope: &mut WriteScope<'_>,
    letter: &DeadLetterRow,
    state: State,
    redelivery: i64,
    mut fields: Value,
) -> Result<(), Problem> {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("redelivery".to_owned(), json!(redelivery));
    }
    let entry: Value = serde_json::from_str(&letter.payload).map_err(DbError::json)?;
    match Redelivery::of(&entry, fields) {
        Some(event) if letter.redeliverable => {
            scope.emit(event)?;
            Ok(())
        }
        // Nobody waits for it: that it was given up is all there is to record.
        _ if state == State::Discarded => Ok(()),
        _ => Err(Problem::new(
            ProblemKind::Conflict,
            "The dead letter cannot go back: it is no event, or this version does not know its topic. Discard it with a reason.",
        )),
    }
}

fn decision_of(row: DecisionRow) -> Decision {
    Decision {
        action: row.action,
        reason: row.reason,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
    }
}

fn unknown() -> Problem {
    Problem::not_found("dead letter")
}
