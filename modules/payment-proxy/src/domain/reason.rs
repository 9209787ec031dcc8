//! The reason (*causale*) that goes to pagoPA: read by strangers, at most 140 characters.

use opencity_kernel::tax_code::contains_fiscal_code;
use uuid::Uuid;

const MOST: usize = 140;

/// The first text that is there and names no person, cut on a word; else one that names the application alone.
pub fn reason(of_event: Option<&str>, of_config: &str, remote: Uuid) -> String {
    of_event
        .into_iter()
        .chain([of_config])
        .map(str::trim)
        .find(|text| !text.is_empty() && !contains_fiscal_code(text))
        .map_or_else(|| format!("Pagamento - {remote}"), cut)
}

fn cut(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(MOST) else {
        return text.to_owned();
    };
    let (kept, rest) = text.split_at(end);
    let on_word = if rest.starts_with(char::is_whitespace) {
        kept
    } else {
        kept.rsplit_once(char::is_whitespace)
            .map_or(kept, |(words, _)| words)
    };
    on_word.trim_end().to_owned()
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

    #[test]
    fn the_event_wins_unless_it_names_a_person() {
        assert_eq!(reason(Some("Mensa"), "Altro", Uuid::nil()), "Mensa");
        assert_eq!(
            reason(Some("Mensa RSSMRA80A01H501U"), "Altro", Uuid::nil()),
            "Altro"
        );
        assert_eq!(
            reason(Some(" "), "RSSMRA80A01H501U", Uuid::nil()),
            format!("Pagamento - {}", Uuid::nil())
        );
    }

    #[test]
    fn a_long_one_is_cut_on_a_word() {
        let long = "perché ".repeat(30);
        let cut = reason(Some(&long), "", Uuid::nil());
        assert!(cut.chars().count() <= MOST);
        assert!(cut.ends_with("perché"));
        assert_eq!(reason(Some(&"x".repeat(200)), "", Uuid::nil()).len(), MOST);
    }
}
