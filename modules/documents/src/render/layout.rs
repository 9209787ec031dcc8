//! The act as the template reads it: every string prepared, every choice that is not one of looks already made.

use serde::Serialize;

use super::text::{Text, Typesetter};
use super::{Act, Item, Section};

/// More columns than this do not fit a portrait page legibly.
const MAX_COLUMNS: usize = 6;
/// Characters of a title that is kept in the metadata, where readers show one line.
const MAX_METADATA: usize = 200;
/// Characters of a heading. A longer one is cut, and follows in full as text: PDF/A limits what an outline may hold.
const MAX_HEADING: usize = 300;
/// Characters of a word that fit on one line of the large type of headings.
const HEADING_WORD: usize = 24;
/// Characters of a word that fit in a cell of the narrowest table.
const CELL_WORD: usize = 14;

/// The whole document.
#[derive(Serialize)]
pub(super) struct Page {
    language: &'static str,
    metadata_title: String,
    title: Text,
    full_title: Option<Text>,
    issuer: Letterhead,
    facts: Vec<(Option<Text>, Text)>,
    blocks: Vec<Block>,
    footer: Option<Text>,
    notice: Option<&'static str>,
}

#[derive(Serialize)]
struct Letterhead {
    logo: Option<&'static str>,
    alternative_text: String,
    name: Option<Text>,
    address: Option<Text>,
    tax_code: Option<Text>,
}

/// One thing on the page, from top to bottom.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Block {
    Heading {
        text: Text,
    },
    Answer {
        label: Option<Text>,
        value: Text,
    },
    Paragraph {
        text: Text,
    },
    Table {
        label: Option<Text>,
        columns: usize,
        header: Vec<Text>,
        rows: Vec<Vec<Text>>,
    },
}

/// The few words that the document says by itself.
struct Words {
    language: &'static str,
    tax_code: &'static str,
    notice: &'static str,
}

const WORDS: [Words; 4] = [
    Words {
        language: "it",
        tax_code: "Codice fiscale",
        notice: "Il segno � sta al posto di un carattere che questo documento non può rappresentare.",
    },
    Words {
        language: "de",
        tax_code: "Steuernummer",
        notice: "Das Zeichen � steht für ein Schriftzeichen, das dieses Dokument nicht darstellen kann.",
    },
    Words {
        language: "en",
        tax_code: "Tax code",
        notice: "The sign � stands for a character that this document cannot show.",
    },
    Words {
        language: "sl",
        tax_code: "Davčna številka",
        notice: "Znak � nadomešča znak, ki ga v tem dokumentu ni mogoče prikazati.",
    },
];

impl Page {
    pub(super) fn of(act: &Act, logo: Option<&'static str>, typesetter: &Typesetter<'_>) -> Self {
        let [italian, others @ ..] = &WORDS;
        let words = others
            .iter()
            .find(|words| words.language.eq_ignore_ascii_case(&act.language))
            .unwrap_or(italian);
        let (heading, full_title) = heading(&act.title, typesetter);
        let tax_code = act
            .issuer
            .tax_code
            .as_deref()
            .filter(|code| !code.trim().is_empty());
        let mut page = Self {
            language: words.language,
            metadata_title: Some(typesetter.line(&act.title, MAX_METADATA))
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| "–".to_owned()),
            title: heading.unwrap_or_else(Text::dash),
            full_title,
            issuer: Letterhead {
                logo,
                alternative_text: typesetter.line(&act.issuer.name, MAX_METADATA),
                name: typesetter.set(&act.issuer.name),
                address: act
                    .issuer
                    .address
                    .as_deref()
                    .and_then(|address| typesetter.set(address)),
                tax_code: tax_code
                    .and_then(|code| typesetter.set(&format!("{} {code}", words.tax_code))),
            },
            facts: act
                .facts
                .iter()
                .map(|(name, value)| (typesetter.set(name), typesetter.set_or_dash(value)))
                .collect(),
            blocks: act
                .sections
                .iter()
                .flat_map(|section| blocks(section, typesetter))
                .collect(),
            footer: typesetter.set(&act.footer),
            notice: None,
        };
        page.notice = typesetter.has_replaced().then_some(words.notice);
        page
    }
}

/// The heading, and the whole title again when the heading had to be cut.
fn heading(title: &str, typesetter: &Typesetter<'_>) -> (Option<Text>, Option<Text>) {
    if title.chars().count() <= MAX_HEADING {
        return (typesetter.set_narrow(title, HEADING_WORD), None);
    }
    let cut = typesetter.line(title, MAX_HEADING);
    (
        typesetter.set_narrow(&cut, HEADING_WORD),
        typesetter.set(title),
    )
}

fn blocks(section: &Section, typesetter: &Typesetter<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(title) = &section.title {
        let (heading, full) = heading(title, typesetter);
        blocks.extend(heading.map(|text| Block::Heading { text }));
        blocks.extend(full.map(|text| Block::Paragraph { text }));
    }
    for item in &section.items {
        match item {
            Item::Answer { label, value } => blocks.push(answer(label, value, typesetter)),
            Item::Paragraph(text) => {
                blocks.extend(typesetter.set(text).map(|text| Block::Paragraph { text }))
            }
            Item::Table {
                label,
                header,
                rows,
            } => blocks.extend(table(label, header, rows, typesetter)),
        }
    }
    blocks
}

fn answer(label: &str, value: &str, typesetter: &Typesetter<'_>) -> Block {
    Block::Answer {
        label: typesetter.set(label),
        value: typesetter.set_or_dash(value),
    }
}

fn table(
    label: &str,
    header: &[String],
    rows: &[Vec<String>],
    typesetter: &Typesetter<'_>,
) -> Vec<Block> {
    let columns = rows
        .iter()
        .map(Vec::len)
        .chain([header.len()])
        .max()
        .unwrap_or(0);
    let cell = |cells: &[String], column: usize| cells.get(column).cloned().unwrap_or_default();
    if columns == 0 || rows.is_empty() {
        return vec![answer(label, "", typesetter)];
    }
    if columns > MAX_COLUMNS {
        let name = label.trim();
        return (1usize..)
            .zip(rows)
            .flat_map(|(number, row)| {
                let heading = typesetter.set_or_dash(format!("{name} {number}").trim());
                let answers = (0..columns).map(move |column| {
                    answer(&cell(header, column), &cell(row, column), typesetter)
                });
                [Block::Paragraph { text: heading }]
                    .into_iter()
                    .chain(answers)
            })
            .collect();
    }
    let set = |cells: &[String]| {
        (0..columns)
            .map(|column| {
                typesetter
                    .set_narrow(&cell(cells, column), CELL_WORD * MAX_COLUMNS / columns)
                    .unwrap_or_else(Text::dash)
            })
            .collect::<Vec<_>>()
    };
    vec![Block::Table {
        label: typesetter.set(label),
        columns,
        header: if header.is_empty() {
            Vec::new()
        } else {
            set(header)
        },
        rows: rows.iter().map(|row| set(row)).collect(),
    }]
}
