//! What is written to the citizen when an application enters a state: the service's own text, else the catalogue's.
//!
//! Texts are HTML, as every message is. Values from people (names, titles) are escaped in them; what an operator wrote for this
//! occasion (`%messaggio_personale%`) is HTML of its own, like the messages that he writes. A text of the catalogue is plain and
//! becomes HTML here.
//!
//! The message is written in the transaction of the change, and told on `messages` as `data` with `origin` `status`: see
//! [`MessageOrigin`]. Its id belongs into the history row of the change.

use std::collections::BTreeMap;

use opencity_contracts::message::{MessageOrigin, Visibility};
use opencity_contracts::service::{FeedbackMessage, Service};
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, WriteScope};
use opencity_kernel::i18n::{self, Language};
use opencity_kernel::id::MessageId;
use opencity_kernel::instant::Instant;

use crate::domain::Status;
use crate::messages::{self, NewMessage, On};
use crate::store::message::AuthorKind;

/// What a text about an application may name (`core-model` placeholders).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// `%servizio%`: the service's name.
    pub service: String,
    /// `%service_fullname%`: with the group's name before it, where it has one.
    pub service_full_name: String,
    /// `%protocollo%`
    pub protocol_number: Option<String>,
    /// `%data_protocollo%` and `%ora_protocollo%`
    pub protocolled_at: Option<Instant>,
    /// `%data_acquisizione%` and `%ora_acquisizione%`: when it was sent.
    pub submitted_at: Option<Instant>,
    /// `%user_name%`: name and surname of the citizen.
    pub user_name: String,
    /// `%max_response_time%`: days.
    pub max_response_time: Option<i64>,
    /// `%categoria%`
    pub category: Option<String>,
    /// `%gruppo%`
    pub group: Option<String>,
    /// `%messaggio_personale%`: what the operator wrote, HTML.
    pub personal_message: Option<String>,
}

/// A change of state to tell the citizen of. Whether he is told at all says [`crate::domain::audience`].
#[derive(Debug, Clone)]
pub struct StatusMessageInput<'a> {
    /// The application.
    pub on: On,
    /// The state entered.
    pub status: Status,
    /// The service's own texts, by `status_…`.
    pub texts: &'a BTreeMap<String, FeedbackMessage>,
    /// The application's language.
    pub language: Language,
    /// Where the applicant gets his mail.
    pub email: Option<String>,
    /// How the tenant's public addresses of the API begin: [`messages::public_api`].
    pub api: &'a str,
    /// What the text may name.
    pub placeholders: Placeholders,
}

/// Writes the citizen's message about a change of state; `None` when the service's text is switched off, or there is none for
/// this state.
///
/// # Errors
/// If the database refuses.
pub fn status_message(
    scope: &mut WriteScope<'_>,
    input: &StatusMessageInput<'_>,
) -> Result<Option<MessageId>, DbError> {
    let Some(text) = compose(input, clock::now()) else {
        return Ok(None);
    };
    let new = NewMessage {
        id: MessageId::new(),
        on: input.on,
        author: None,
        author_kind: AuthorKind::Platform,
        origin: MessageOrigin::Status,
        message: text.body,
        subject: Some(text.subject),
        visibility: Visibility::Applicant,
        email: input.email.clone(),
        sent_at: None,
        read_at: None,
        clicked_at: None,
        protocol_required: false,
        protocolled_at: None,
        protocol_number: None,
        external_id: None,
    };
    messages::write(scope, input.api, new, &[]).map(|row| Some(row.id))
}

/// The names of a service as texts show them.
#[must_use]
pub fn service_names(service: &Service, group: Option<&str>) -> (String, String) {
    let full = match group.filter(|group| !group.trim().is_empty()) {
        Some(group) => format!("{group} - {}", service.name),
        None => service.name.clone(),
    };
    (service.name.clone(), full)
}

/// Where the citizen finds an application: a page, not the API.
#[must_use]
pub fn page_address(api: &str, language: Language, on: On) -> String {
    let site = api.strip_suffix("/api").unwrap_or(api);
    format!(
        "{site}/{}/pratiche/{}/detail",
        language.code(),
        on.application
    )
}

#[derive(Debug, PartialEq, Eq)]
struct Text {
    /// Plain.
    subject: String,
    /// HTML.
    body: String,
}

fn compose(input: &StatusMessageInput<'_>, now: Instant) -> Option<Text> {
    let own = input.texts.get(&input.status.status_name().to_owned());
    if own.is_some_and(|text| !text.is_active) {
        return None;
    }
    let filled = |text: Option<&String>| text.filter(|text| !text.trim().is_empty()).cloned();
    let own_body = own.and_then(|text| filled(text.message.as_ref()));
    let own_subject = own.and_then(|text| filled(text.subject.as_ref()));
    let key = format!("citizen_message.{}", input.status.status_name());
    let values = values(input, now);
    let body = match own_body {
        Some(html) => fill(&html, &values, Value::html),
        None => as_html(&catalogue(input.language, &format!("{key}.body"))?, &values),
    };
    let subject = own_subject
        .or_else(|| catalogue(input.language, &format!("{key}.subject")))
        .or_else(|| catalogue(input.language, "message.default_subject"))?;
    let subject = fill(&subject, &values, Value::plain);
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Text { subject, body })
}

/// A text of the catalogue, its placeholders not filled.
fn catalogue(language: Language, key: &str) -> Option<String> {
    // A key that is not there comes back itself.
    Some(i18n::text(language, key, &[])).filter(|text| text != key)
}

enum Value {
    Plain(String),
    Link(String),
    Html(String),
}

impl Value {
    fn plain(&self) -> String {
        match self {
            Self::Plain(text) | Self::Link(text) => text.clone(),
            // A subject has no room for what an operator wrote at length.
            Self::Html(_) => String::new(),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Plain(text) | Self::Link(text) => escape(text),
            Self::Html(html) => html.clone(),
        }
    }

    /// Where the template itself makes no links.
    fn linked(&self) -> String {
        match self {
            Self::Link(address) => {
                let address = escape(address);
                format!("<a href=\"{address}\">{address}</a>")
            }
            other => other.html(),
        }
    }
}

fn values(input: &StatusMessageInput<'_>, now: Instant) -> Vec<(&'static str, Value)> {
    let names = &input.placeholders;
    let plain = |text: &str| Value::Plain(text.to_owned());
    let maybe = |text: &Option<String>| Value::Plain(text.clone().unwrap_or_default());
    let moment = |at: Option<Instant>, format: &str| {
        Value::Plain(
            at.map(|at| at.rome().format(format).to_string())
                .unwrap_or_default(),
        )
    };
    let (day, hour) = ("%d/%m/%Y", "%H:%M");
    let id = input.on.application.to_string();
    vec![
        ("id", plain(&id)),
        ("pratica_id", plain(&id)),
        ("servizio", plain(&names.service)),
        ("service_fullname", plain(&names.service_full_name)),
        ("protocollo", maybe(&names.protocol_number)),
        ("data_protocollo", moment(names.protocolled_at, day)),
        ("ora_protocollo", moment(names.protocolled_at, hour)),
        ("data_acquisizione", moment(names.submitted_at, day)),
        ("ora_acquisizione", moment(names.submitted_at, hour)),
        ("data_corrente", moment(Some(now), day)),
        ("user_name", plain(&names.user_name)),
        (
            "indirizzo",
            Value::Link(page_address(input.api, input.language, input.on)),
        ),
        (
            "max_response_time",
            Value::Plain(
                names
                    .max_response_time
                    .map(|days| days.to_string())
                    .unwrap_or_default(),
            ),
        ),
        ("categoria", maybe(&names.category)),
        ("gruppo", maybe(&names.group)),
        (
            "messaggio_personale",
            Value::Html(names.personal_message.clone().unwrap_or_default()),
        ),
    ]
}

fn fill(
    template: &str,
    values: &[(&'static str, Value)],
    show: impl Fn(&Value) -> String,
) -> String {
    let shown: Vec<(&str, String)> = values
        .iter()
        .map(|(name, value)| (*name, show(value)))
        .collect();
    let pairs: Vec<(&str, &str)> = shown
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    i18n::fill(template, &pairs)
}

/// A plain text with blank lines between its paragraphs as HTML; paragraphs that stay empty are left out.
fn as_html(template: &str, values: &[(&'static str, Value)]) -> String {
    template
        .trim()
        .split("\n\n")
        .map(|paragraph| fill(&escape(paragraph.trim()), values, Value::linked))
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| format!("<p>{}</p>", paragraph.replace('\n', "<br>")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
