//! What people read, in their language: Italian first, then German, English, Slovenian.
//!
//! The texts are in `catalogue/*.toml`, inside the binary. A text is found by its dotted key (`citizen_message.status_pending.body`)
//! and may contain placeholders (`%servizio%`), which have the names that municipalities know from their own texts.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A language that people can read the platform in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Italian, wherever nothing else is asked or there.
    #[default]
    It,
    /// German.
    De,
    /// English.
    En,
    /// Slovenian.
    Sl,
}

impl Language {
    /// All, the first one first.
    pub const ALL: [Self; 4] = [Self::It, Self::De, Self::En, Self::Sl];

    /// The code of ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::It => "it",
            Self::De => "de",
            Self::En => "en",
            Self::Sl => "sl",
        }
    }

    /// From one language tag, as `x-locale` carries it: `de`, `de-AT`, `DE_it`. `None` for other languages.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        Self::ALL
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.code()))
    }

    /// From the headers of a request: `x-locale` wins, then the best of `Accept-Language` (RFC 9110 §12.5.4), then Italian.
    #[must_use]
    pub fn parse(accept_language: Option<&str>, x_locale: Option<&str>) -> Self {
        x_locale
            .and_then(Self::from_tag)
            .or_else(|| accept_language.and_then(Self::best_accepted))
            .unwrap_or_default()
    }

    fn best_accepted(accept_language: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in accept_language.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = match parts.find_map(|parameter| parameter.trim().strip_prefix("q=")) {
                None => 1.0,
                // What is no number was not meant as a wish.
                Some(weight) => weight.trim().parse().unwrap_or(0.0),
            };
            let language = if tag == "*" {
                Some(Self::default())
            } else {
                Self::from_tag(tag)
            };
            // Of equals, the one named first.
            if let Some(language) = language
                && weight > best.map_or(0.0, |(best, _)| best)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// The text with this key in this language, else in Italian, its placeholders filled. A key that no catalogue has comes back
/// itself, so that a missing text is seen and stops nothing.
#[must_use]
pub fn text(language: Language, key: &str, values: &[(&str, &str)]) -> String {
    let found = template(language, key).or_else(|| template(Language::It, key));
    fill(found.unwrap_or(key), values)
}

/// Puts values in the place of `%name%`. It goes over the text once, so a value that contains a placeholder stays as it is; a
/// placeholder without value stays too.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        let value = after.split_once('%').and_then(|(name, behind)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((*value, behind))
        });
        match value {
            Some((value, behind)) => {
                filled.push_str(value);
                rest = behind;
            }
            None => {
                filled.push('%');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

type Catalogue = HashMap<String, String>;

static CATALOGUES: LazyLock<HashMap<Language, Catalogue>> = LazyLock::new(|| {
    Language::ALL
        .into_iter()
        .map(|language| {
            let catalogue = read(source(language)).unwrap_or_else(|error| {
                // Not reached: the files are in the binary, and the tests read each.
                tracing::error!(language = language.code(), %error, "a catalogue of texts cannot be read");
                Catalogue::new()
            });
            (language, catalogue)
        })
        .collect()
});

fn source(language: Language) -> &'static str {
    match language {
        Language::It => include_str!("../catalogue/it.toml"),
        Language::De => include_str!("../catalogue/de.toml"),
        Language::En => include_str!("../catalogue/en.toml"),
        Language::Sl => include_str!("../catalogue/sl.toml"),
    }
}

fn template(language: Language, key: &str) -> Option<&'static str> {
    CATALOGUES.get(&language)?.get(key).map(String::as_str)
}

fn read(toml: &str) -> Result<Catalogue, toml::de::Error> {
    let mut texts = Catalogue::new();
    flatten(String::new(), toml::from_str(toml)?, &mut texts);
    Ok(texts)
}

fn flatten(prefix: String, table: toml::Table, texts: &mut Catalogue) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(table) => flatten(key, table, texts),
            toml::Value::String(text) => drop(texts.insert(key, text)),
            other => drop(texts.insert(key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;
    use std::collections::BTreeSet;

    const PLACEHOLDERS: [&str; 16] = [
        "id",
        "pratica_id",
        "servizio",
        "service_fullname",
        "protocollo",
        "data_protocollo",
        "ora_protocollo",
        "data_acquisizione",
        "ora_acquisizione",
        "data_corrente",
        "user_name",
        "indirizzo",
        "max_response_time",
        "categoria",
        "gruppo",
        "messaggio_personale",
    ];

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('%').skip(1).step_by(2).collect()
    }

    #[test]
    fn all_languages_have_the_same_texts_with_the_same_placeholders() {
        let italian = read(source(Language::It)).unwrap();
        assert!(italian.len() > 60);
        for language in Language::ALL {
            let other = read(source(language)).unwrap();
            let keys = |catalogue: &Catalogue| catalogue.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(&other), keys(&italian), "{language:?}");
            for (key, text) in &other {
                assert!(!text.trim().is_empty(), "{language:?} {key}");
                assert_eq!(text.matches('%').count() % 2, 0, "{language:?} {key}");
                assert_eq!(
                    placeholders(text),
                    placeholders(&italian[key]),
                    "{language:?} {key}"
                );
            }
        }
    }

    #[test]
    fn messages_use_only_placeholders_that_are_filled_and_subjects_tell_nothing_personal() {
        for (key, text) in read(source(Language::It)).unwrap() {
            let known: &[&str] = if key.starts_with("act.") {
                &["page", "pages"]
            } else {
                &PLACEHOLDERS
            };
            assert!(
                placeholders(&text).iter().all(|name| known.contains(name)),
                "{key}"
            );
            if key.ends_with("subject") {
                assert!(
                    placeholders(&text).is_subset(&BTreeSet::from(["id", "servizio"])),
                    "{key}"
                );
                assert!(!text.contains('\n'), "{key}");
            }
        }
    }

    #[test]
    fn every_state_has_its_label_and_every_state_that_is_written_about_its_message() {
        let label =
            |name: &str, language| text(language, &format!("application_status.{name}"), &[]);
        assert_eq!(
            label("status_draft_for_integration", Language::It),
            "In attesa di integrazioni"
        );
        assert_eq!(
            label("status_draft_for_integration", Language::De),
            "Ergänzungen ausständig"
        );
        let italian = read(source(Language::It)).unwrap();
        assert_eq!(
            italian
                .keys()
                .filter(|key| key.starts_with("application_status."))
                .count(),
            21
        );
        for name in [
            "payment_pending",
            "payment_error",
            "submitted",
            "registered",
            "pending",
            "draft_for_integration",
            "complete",
            "cancelled",
            "withdraw",
            "revoked",
        ] {
            assert!(
                italian.contains_key(&format!("citizen_message.status_{name}.subject")),
                "{name}"
            );
            assert!(
                italian[&format!("citizen_message.status_{name}.body")].contains("%indirizzo%"),
                "{name}"
            );
        }
    }

    #[test]
    fn the_default_subject_names_the_application() {
        let subject = text(Language::It, "message.default_subject", &[("id", "123")]);
        assert_eq!(subject, "La richiesta n. 123 è stata aggiornata");
    }

    #[test]
    fn a_text_that_nobody_wrote_shows_its_key() {
        assert_eq!(text(Language::Sl, "no.such.text", &[]), "no.such.text");
    }

    #[test]
    fn values_are_put_in_once_and_the_rest_is_left_alone() {
        let values = [("a", "%b%"), ("b", "B"), ("empty", "")];
        for (template, filled) in [
            ("%a% and %b%", "%b% and B"),
            ("100% of %b%", "100% of B"),
            ("%%b%%", "%B%"),
            ("%unknown% %b%", "%unknown% B"),
            ("x%empty%y", "xy"),
            ("%", "%"),
            ("", ""),
        ] {
            assert_eq!(fill(template, &values), filled, "{template}");
        }
    }

    #[test]
    fn the_language_is_the_one_asked_for_else_italian() {
        for (accepted, locale, expected) in [
            (None, None, Language::It),
            (Some("de-AT,de;q=0.9,en;q=0.8"), None, Language::De),
            (Some("en;q=0.5, sl;q=0.9"), None, Language::Sl),
            (Some("fr, en;q=0.1"), None, Language::En),
            (Some("fr"), None, Language::It),
            (Some("*"), None, Language::It),
            (Some("en;q=0"), None, Language::It),
            (Some("de;q=wrong, en;q=0.3"), None, Language::En),
            (Some("de, en"), None, Language::De),
            (Some("de"), Some("sl"), Language::Sl),
            (Some("de"), Some("EN_gb"), Language::En),
            (Some("de"), Some("fr"), Language::De),
            (Some(",;=,,"), Some(""), Language::It),
        ] {
            assert_eq!(
                Language::parse(accepted, locale),
                expected,
                "{accepted:?} {locale:?}"
            );
        }
    }
}
