//! What a person reads in the PDF of an act.

use std::collections::{BTreeMap, HashMap};

use opencity_contracts::application::Act as ActRef;
use opencity_contracts::file::File;
use opencity_contracts::{Application, DocumentType, Message, Tenant};
use opencity_formio::{Answer, AnswerValue, Form};
use opencity_kernel::i18n::{self, Language};
use opencity_kernel::instant::Instant;
use serde_json::Value;
use uuid::Uuid;

use super::plain_text;
use crate::render::{Act, Issuer, Item, Section};

/// Everything that an act's document is made of.
#[derive(Debug, Clone)]
pub(crate) struct Material {
    /// The application as it was at the act.
    pub application: Application,
    /// The act.
    pub act: ActRef,
    /// Schema and translations of its form.
    pub form: Option<(Value, Translations)>,
    /// The messages that the act names.
    pub messages: Vec<Message>,
    /// The service's name.
    pub service_name: String,
    /// The body (*ente*).
    pub tenant: Tenant,
}

/// By language, then by the text of the schema.
pub(crate) type Translations = BTreeMap<String, BTreeMap<String, String>>;

/// Why there is no content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// The form's schema cannot be understood.
    #[error("the form cannot be read: {0}")]
    Form(String),
    /// The act names a file that nothing describes.
    #[error(
        "the act names the file {0}, which neither the application nor the act's messages describe"
    )]
    UnknownFile(Uuid),
}

impl Material {
    /// The language that the application was written in.
    pub(crate) fn language(&self) -> Language {
        self.application
            .locale
            .as_deref()
            .and_then(Language::from_tag)
            .unwrap_or_default()
    }

    /// The name of the act.
    pub(crate) fn title(&self) -> String {
        i18n::text(
            self.language(),
            &format!("act_title.{}", self.act.kind),
            &[],
        )
    }

    /// The files that are part of the act, in its order.
    ///
    /// # Errors
    /// [`ContentError::UnknownFile`].
    pub(crate) fn attachments(&self) -> Result<Vec<&File>, ContentError> {
        let application = &self.application;
        let integrations = application
            .integrations
            .iter()
            .flat_map(|integration| [&integration.outbound, &integration.inbound])
            .flatten()
            .flat_map(|act| &act.attachments);
        let known: HashMap<Uuid, &File> = application
            .attachments
            .iter()
            .chain(&application.outcome_attachments)
            .chain(application.outcome_file.iter())
            .chain(integrations)
            .chain(
                self.messages
                    .iter()
                    .flat_map(|message| &message.attachments),
            )
            .map(|file| (file.id, file))
            .collect();
        // At these two acts everything that is there belongs to them, named or not.
        let whole: &[File] = match self.act.kind {
            DocumentType::ApplicationRequest => &application.attachments,
            DocumentType::ApplicationOutcome => &application.outcome_attachments,
            _ => &[],
        };
        let mut files: Vec<&File> = Vec::new();
        for id in self
            .act
            .file_ids
            .iter()
            .copied()
            .chain(whole.iter().map(|file| file.id))
        {
            let file = *known.get(&id).ok_or(ContentError::UnknownFile(id))?;
            if !files.iter().any(|other| other.id == id) {
                files.push(file);
            }
        }
        Ok(files)
    }

    /// The act as the renderer takes it.
    ///
    /// # Errors
    /// [`ContentError`].
    pub(crate) fn sheet(&self) -> Result<Act, ContentError> {
        let language = self.language();
        let word = |key: &str| i18n::text(language, &format!("act.{key}"), &[]);
        let application = &self.application;
        let at = Instant::from_utc(application.updated_at).rome();
        let mut facts = vec![
            (word("request_number"), application.id.to_string()),
            (word("date"), at.format("%d/%m/%Y %H:%M").to_string()),
            (word("service"), self.service_name.clone()),
        ];
        facts.extend(
            self.applicant()
                .map(|applicant| (word("applicant"), applicant)),
        );
        if self.act.kind != DocumentType::ApplicationRequest {
            facts.extend(
                application
                    .protocol_number
                    .clone()
                    .map(|number| (word("protocol"), number)),
            );
        }
        let mut sections = Vec::new();
        if self.act.kind == DocumentType::ApplicationRequest {
            sections.extend(self.answers()?);
        }
        if self.act.kind == DocumentType::ApplicationOutcome {
            sections.push(self.outcome(&word));
        }
        if !self.messages.is_empty() {
            let items = self
                .messages
                .iter()
                .flat_map(|message| message_items(message, &word))
                .collect();
            sections.push(Section {
                title: Some(word("messages")),
                items,
            });
        }
        let files = self.attachments()?;
        if !files.is_empty() {
            let items = files
                .into_iter()
                .map(|file| Item::Paragraph(file_line(file)))
                .collect();
            sections.push(Section {
                title: Some(word("attachments")),
                items,
            });
        }
        Ok(Act {
            title: self.title(),
            language: language.code().to_owned(),
            issuer: issuer(&self.tenant),
            facts,
            sections,
            footer: format!(
                "{}, {} {}",
                self.tenant.name,
                word("request_number"),
                application.id
            ),
        })
    }

    /// Name and tax code of the applicant, as far as he gave them.
    fn applicant(&self) -> Option<String> {
        let block =
            opencity_formio::Applicant::read(&Value::Object(self.application.submission.clone()));
        let name: Vec<String> = [block.name, block.surname].into_iter().flatten().collect();
        let name = if name.is_empty() {
            self.application.user_name.clone()?
        } else {
            name.join(" ")
        };
        Some(match block.fiscal_code {
            Some(code) => format!("{name} ({code})"),
            None => name,
        })
    }

    fn answers(&self) -> Result<Vec<Section>, ContentError> {
        let Some((schema, translations)) = &self.form else {
            // Without a form there are no labels: the keys have to do.
            let items = self
                .application
                .data
                .iter()
                .map(|(key, value)| Item::Answer {
                    label: key.clone(),
                    value: shown(value),
                })
                .collect();
            return Ok(vec![Section { title: None, items }]);
        };
        let form = Form::parse(schema).map_err(|error| ContentError::Form(error.to_string()))?;
        let texts = translations.get(self.language().code());
        let translate = |text: &str| {
            texts
                .and_then(|texts| texts.get(text))
                .map_or_else(|| text.to_owned(), Clone::clone)
        };
        let sections = form.answers(&Value::Object(self.application.submission.clone()));
        Ok(sections
            .into_iter()
            .map(|section| Section {
                title: Some(translate(&section.title)).filter(|title| !title.trim().is_empty()),
                items: section
                    .answers
                    .iter()
                    .map(|answer| item(answer, &translate))
                    .collect(),
            })
            .collect())
    }

    fn outcome(&self, word: &impl Fn(&str) -> String) -> Section {
        let outcome = match self.application.outcome {
            Some(true) => word("accepted"),
            Some(false) => word("rejected"),
            None => String::new(),
        };
        let motivation = self
            .application
            .outcome_motivation
            .as_deref()
            .map(plain_text::of_html);
        let mut items = vec![Item::Answer {
            label: word("outcome"),
            value: outcome,
        }];
        items.extend(
            motivation
                .filter(|text| !text.is_empty())
                .map(|value| Item::Answer {
                    label: word("motivation"),
                    value,
                }),
        );
        Section { title: None, items }
    }
}

fn item(answer: &Answer, translate: &impl Fn(&str) -> String) -> Item {
    let label = translate(&answer.label);
    match &answer.value {
        AnswerValue::Text(text) => Item::Answer {
            label,
            value: translate(text),
        },
        AnswerValue::List(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| translate(text)).collect();
            Item::Answer {
                label,
                value: texts.join("\n"),
            }
        }
        AnswerValue::Rows(rows) => {
            // Conditions may give every row other fields: the columns are all of them, as they come.
            let mut header: Vec<&str> = Vec::new();
            for answer in rows.iter().flatten() {
                if !header.contains(&answer.label.as_str()) {
                    header.push(&answer.label);
                }
            }
            let rows = rows
                .iter()
                .map(|row| {
                    header
                        .iter()
                        .map(|label| {
                            let found = row.iter().find(|answer| answer.label == *label);
                            found
                                .map(|answer| cell(&answer.value, translate))
                                .unwrap_or_default()
                        })
                        .collect()
                })
                .collect();
            let header = header.iter().map(|label| translate(label)).collect();
            Item::Table {
                label,
                header,
                rows,
            }
        }
    }
}

fn cell(value: &AnswerValue, translate: &impl Fn(&str) -> String) -> String {
    match value {
        AnswerValue::Text(text) => translate(text),
        AnswerValue::List(texts) => texts
            .iter()
            .map(|text| translate(text))
            .collect::<Vec<_>>()
            .join(", "),
        AnswerValue::Rows(rows) => {
            let row = |row: &Vec<Answer>| {
                let parts: Vec<String> = row
                    .iter()
                    .map(|answer| {
                        format!(
                            "{}: {}",
                            translate(&answer.label),
                            cell(&answer.value, translate)
                        )
                    })
                    .collect();
                parts.join(", ")
            };
            rows.iter().map(row).collect::<Vec<_>>().join("\n")
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn message_items(message: &Message, word: &impl Fn(&str) -> String) -> Vec<Item> {
    let at = Instant::from_utc(message.created_at).rome();
    let mut items = vec![Item::Answer {
        label: word("date"),
        value: at.format("%d/%m/%Y %H:%M").to_string(),
    }];
    let subject = message
        .subject
        .clone()
        .filter(|subject| !subject.trim().is_empty());
    items.extend(subject.map(|value| Item::Answer {
        label: word("subject"),
        value,
    }));
    items.push(Item::Paragraph(plain_text::of_html(&message.message)));
    items
}

fn file_line(file: &File) -> String {
    let name = file_name(file);
    match file
        .description
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty() && *text != name)
    {
        Some(description) => format!("{name} ({description})"),
        None => name.to_owned(),
    }
}

/// The name that people know a file by.
pub(crate) fn file_name(file: &File) -> &str {
    file.original_name
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or(&file.name)
}

fn issuer(tenant: &Tenant) -> Issuer {
    use base64::Engine as _;
    let address = &tenant.address;
    let join = |parts: [&Option<String>; 2]| {
        parts
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut town = join([&address.postal_code, &address.town_name]);
    if let Some(county) = &address.country_subdivision {
        town = format!("{town} ({county})");
    }
    let lines: Vec<String> = [join([&address.street_name, &address.building_number]), town]
        .into_iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    Issuer {
        name: tenant.name.clone(),
        address: (!lines.is_empty()).then(|| lines.join("\n")),
        tax_code: tenant.tax_identification_number.clone(),
        logo: tenant.logo.as_ref().and_then(|logo| {
            base64::engine::general_purpose::STANDARD
                .decode(&logo.bytes)
                .ok()
        }),
    }
}
