//! From the text that people write to text that an archival PDF may contain.
//!
//! PDF/A refuses a character without a glyph, and the typesetter lets a long unbroken word run off the page.
//! Both would be met with real answers, so the text is prepared here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde::Serialize;
use typst::text::FontInfo;
use unicode_segmentation::UnicodeSegmentation;

use super::world::FAMILIES;

/// Stands for a character that no font can draw.
pub(super) const REPLACEMENT: &str = "\u{FFFD}";

/// A word longer than this, in characters as people count them, may be broken anywhere. German words and
/// identifiers are shorter: broken without need, they are no longer found by a search.
const LONG_WORD: usize = 40;
/// How much of a long word stays together.
const PIECE: usize = 4;

/// Text ready for the template: lines, each in pieces between which the line may break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Text(Vec<Vec<String>>);

impl Text {
    /// Shown where nothing was said.
    pub(super) fn dash() -> Self {
        Self(vec![vec!["–".to_owned()]])
    }
}

/// Prepares the text of one act, and remembers whether something could not be drawn.
pub(super) struct Typesetter<'a> {
    fonts: Vec<&'a FontInfo>,
    has_replaced: Cell<bool>,
    /// What the fonts were asked before: asking walks through all that they cover.
    known: RefCell<HashMap<String, bool>>,
}

impl<'a> Typesetter<'a> {
    pub(super) fn new(fonts: impl Iterator<Item = &'a FontInfo>) -> Self {
        Self {
            fonts: fonts.collect(),
            has_replaced: Cell::new(false),
            known: RefCell::default(),
        }
    }

    /// Whether any text so far had a character that could not be drawn.
    pub(super) fn has_replaced(&self) -> bool {
        self.has_replaced.get()
    }

    /// The text, or `None` when nothing of it is visible.
    pub(super) fn set(&self, text: &str) -> Option<Text> {
        self.set_narrow(text, LONG_WORD)
    }

    /// [`Self::set`] for a place where a word of `long_word` characters may not fit.
    pub(super) fn set_narrow(&self, text: &str, long_word: usize) -> Option<Text> {
        let clean = self.drawable(text);
        let clean = clean.trim_end();
        if clean.trim().is_empty() {
            return None;
        }
        Some(Text(
            clean
                .split('\n')
                .map(|line| pieces(line, long_word))
                .collect(),
        ))
    }

    /// The text, or a dash.
    pub(super) fn set_or_dash(&self, text: &str) -> Text {
        self.set(text).unwrap_or_else(Text::dash)
    }

    /// The text on one line of at most `limit` characters.
    pub(super) fn line(&self, text: &str, limit: usize) -> String {
        let line = self
            .drawable(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if line.graphemes(true).count() <= limit {
            return line;
        }
        line.graphemes(true).take(limit).chain(["…"]).collect()
    }

    fn drawable(&self, text: &str) -> String {
        let visible: String = text
            .replace("\r\n", "\n")
            .chars()
            .filter_map(visible)
            .collect();
        visible
            .graphemes(true)
            .map(|character| {
                if character == "\n" || self.can_draw(character) {
                    character
                } else {
                    self.has_replaced.set(true);
                    REPLACEMENT
                }
            })
            .collect()
    }

    fn can_draw(&self, character: &str) -> bool {
        let known = self.known.borrow().get(character).copied();
        known.unwrap_or_else(|| {
            let answer = self.ask_fonts(character);
            self.known.borrow_mut().insert(character.to_owned(), answer);
            answer
        })
    }

    /// A character is drawn by one font together with its accents, in whatever weight it stands.
    fn ask_fonts(&self, character: &str) -> bool {
        FAMILIES.iter().any(|family| {
            self.fonts
                .iter()
                .filter(|font| font.family == *family)
                .all(|font| {
                    character
                        .chars()
                        .all(|c| is_joiner(c) || font.coverage.contains(u32::from(c)))
                })
        })
    }
}

/// Breaks become line feeds, tabs become spaces; what has no shape of its own goes, and with it what could make
/// an act read differently from what was typed (bidirectional overrides).
fn visible(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' => Some(' '),
        _ if is_joiner(c) => Some(c),
        _ if c.is_control() => None,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' => {
            None
        }
        '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' => None,
        '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFC}' => None,
        '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => None,
        // Private use has no meaning outside its writer's machine, and PDF/A-2a forbids it.
        '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}' => Some('\u{FFFF}'),
        _ => Some(c),
    }
}

/// Invisible, but some scripts are spelt with it.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

fn pieces(line: &str, long_word: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut add = |text: &str, breaks: bool| match pieces.last_mut() {
        Some(last) if !breaks => last.push_str(text),
        _ => pieces.push(text.to_owned()),
    };
    for word in line.split_inclusive(char::is_whitespace) {
        let characters: Vec<&str> = word.graphemes(true).collect();
        if characters.len() <= long_word {
            add(word, false);
        } else {
            for piece in characters.chunks(PIECE) {
                add(&piece.concat(), true);
            }
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
