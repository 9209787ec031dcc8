//! Sends what is due.

use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use opencity_contracts::delivery::{Channel, Delivery as DeliveryEvent, DeliveryStatus, Recipient};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::mail::{Email, MailAddress, MailError};
use opencity_kernel::scheduler::{Task, TaskError};

use crate::Settings;
use crate::domain::{self, Mail, State};
use crate::store::delivery::{self, Attempt, Delivery};

/// The task's name, for those who make work for it.
pub const SEND: &str = "notifications.send";
/// Deliveries taken in one turn.
const TURN: i64 = 20;

/// Sends mails.
pub struct Send {
    context: ModuleContext,
    settings: Settings,
}

impl Send {
    pub fn new(context: ModuleContext, settings: Settings) -> Self {
        Self { context, settings }
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), TaskError> {
        let mail: Mail = delivery.mail.read()?;
        let email = Email {
            // The same at each attempt: whoever gets it twice sees that it is one mail.
            message_id: format!("{}@opencity", delivery.id),
            to: mail.to.iter().map(MailAddress::new).collect(),
            cc: mail.cc.iter().map(MailAddress::new).collect(),
            subject: mail.subject,
            text: as_text(&mail.html),
            html: Some(mail.html),
            automatic: true,
            ..Email::default()
        };
        let outcome = self.context.platform.mailer.send(&email).await;
        let attempt = attempt(&outcome, delivery.attempts + 1);
        if let Err(error) = &outcome {
            tracing::warn!(id = %delivery.id, %error, attempts = delivery.attempts + 1, "a mail could not be sent");
        }
        self.context
            .db
            .write::<_, DbError>(Tenancy::from_row(delivery.tenant_id), move |scope| {
                let (state, error) = (attempt.state, attempt.error.clone());
                delivery::record(scope, &delivery, attempt)?;
                if state == State::Pending {
                    return Ok(());
                }
                let body = event_body(&delivery, state, error);
                let body = serde_json::to_value(&body).map_err(DbError::json)?;
                scope
                    .emit(NewEvent::new(
                        Topic::Deliveries,
                        delivery.application_id,
                        delivery.id,
                        delivery.version + 1,
                        Change::status(Some(State::Pending.as_str()), state.as_str()),
                        body,
                    ))
                    .map(|_| ())
            })
            .await?;
        Ok(())
    }
}

fn event_body(delivery: &Delivery, state: State, error: Option<String>) -> DeliveryEvent {
    let now = clock::now().utc();
    DeliveryEvent {
        id: delivery.id.uuid(),
        application_id: delivery.application_id.uuid(),
        message_id: delivery.message_id.map(opencity_kernel::id::Id::uuid),
        channel: Channel::Email,
        recipient: if delivery.recipient == "applicant" {
            Recipient::Applicant
        } else {
            Recipient::Operator
        },
        recipient_id: delivery.recipient_id.map(opencity_kernel::id::Id::uuid),
        status: if state == State::Sent {
            DeliveryStatus::Sent
        } else {
            DeliveryStatus::Failed
        },
        sent_at: (state == State::Sent).then_some(now),
        error,
        created_at: delivery.created_at.utc(),
        updated_at: now,
    }
}

/// What an outcome leads to, after this many attempts.
fn attempt(outcome: &Result<(), MailError>, attempts: i64) -> Attempt {
    let now = clock::now();
    match outcome {
        Ok(()) => Attempt {
            state: State::Sent,
            next_at: now,
            error: None,
        },
        Err(error) => {
            let code = if error.is_temporary() {
                "temporary"
            } else {
                "refused"
            };
            let pause = error
                .is_temporary()
                .then(|| domain::pause_after(attempts))
                .flatten();
            Attempt {
                state: if pause.is_some() {
                    State::Pending
                } else {
                    State::Failed
                },
                next_at: now.plus(pause.unwrap_or_default()),
                error: Some(code.to_owned()),
            }
        }
    }
}

/// The text of simple HTML: paragraphs and breaks become lines, tags go.
fn as_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        match name.to_ascii_lowercase().as_str() {
            "br" => text.push('\n'),
            "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3" if tag.starts_with('/') => {
                text.push_str("\n\n")
            }
            _ => {}
        }
        rest = after;
    }
    text.push_str(rest);
    text.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
        .trim()
        .to_owned()
}

#[async_trait]
impl Task for Send {
    fn name(&self) -> &'static str {
        SEND
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let lease = Duration::from_secs(self.settings.lease_seconds);
        let any = self
            .context
            .db
            .read_across::<_, DbError>("is a mail of any tenant due?", |scope| {
                delivery::is_due(scope)
            })
            .await?;
        if !any {
            return Ok(false);
        }
        let due = self
            .context
            .db
            .write_across::<_, DbError>("mails of all tenants are sent in turn", move |scope| {
                delivery::claim(scope, TURN, lease)
            })
            .await?;
        let more = !due.is_empty();
        let results: Vec<Result<(), TaskError>> = stream::iter(due)
            .map(|delivery| self.deliver(delivery))
            .buffer_unordered(self.settings.parallel.max(1))
            .collect()
            .await;
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_readable_text() {
        assert_eq!(
            as_text("<p>Gentile Mario,</p>\n<p>a<br>b &amp; c</p>"),
            "Gentile Mario,\n\n\na\nb & c"
        );
    }

    #[test]
    fn a_refused_mail_is_given_up_and_a_delayed_one_is_not() {
        let refused = attempt(&Err(MailError::Permanent { code: Some(550) }), 1);
        assert_eq!(refused.state, State::Failed);
        let delayed = attempt(&Err(MailError::Temporary { code: Some(451) }), 1);
        assert_eq!(delayed.state, State::Pending);
        assert_eq!(
            attempt(&Err(MailError::Temporary { code: None }), 9).state,
            State::Failed
        );
    }
}
