//! Slugs: the part of a URL that names a thing.

use std::collections::HashSet;

/// The longest slug that is made from a name.
const LONGEST: usize = 100;

/// The slug of a name: lower case, without accents, words joined by `-`; `fallback` if nothing is left.
#[must_use]
pub fn of_name(name: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for character in name.to_lowercase().chars() {
        match unaccented(character) {
            Some(letters) => slug.push_str(letters),
            None if character.is_ascii_alphanumeric() => slug.push(character),
            None if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
        if slug.len() >= LONGEST {
            break;
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        fallback.to_owned()
    } else {
        slug.to_owned()
    }
}

/// The letters of Italian, German and Slovenian that are not ASCII.
fn unaccented(character: char) -> Option<&'static str> {
    Some(match character {
        'à' | 'á' | 'â' | 'ã' | 'å' => "a",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ò' | 'ó' | 'ô' | 'õ' => "o",
        'ù' | 'ú' | 'û' => "u",
        'ç' | 'č' | 'ć' => "c",
        'š' => "s",
        'ž' => "z",
        'đ' => "d",
        'ñ' => "n",
        'ä' => "ae",
        'ö' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        _ => return None,
    })
}

/// The slug, or the first of `slug-2`, `slug-3`, … that is not taken.
#[must_use]
pub fn free(slug: String, taken: &HashSet<String>) -> String {
    if !taken.contains(&slug) {
        return slug;
    }
    (2_u32..)
        .map(|number| format!("{slug}-{number}"))
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or(slug)
}

/// Whether a text can be a slug as it is.
#[must_use]
pub fn is_valid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= super::MAX_LINE
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs_without_accents_and_apostrophes() {
        assert_eq!(
            of_name("Iscrizione all'asilo nido", "service"),
            "iscrizione-all-asilo-nido"
        );
        assert_eq!(of_name("  Città & Qualità!  ", "service"), "citta-qualita");
        assert_eq!(
            of_name("Straßenbeleuchtung für Bürger", "service"),
            "strassenbeleuchtung-fuer-buerger"
        );
        assert_eq!(of_name("???", "service"), "service");
    }

    #[test]
    fn a_taken_slug_gets_the_first_free_number() {
        let taken = ["nido", "nido-2"].map(str::to_owned).into();
        assert_eq!(free("nido".to_owned(), &taken), "nido-3");
        assert_eq!(free("scuola".to_owned(), &taken), "scuola");
    }

    #[test]
    fn every_slug_made_is_valid_and_short() {
        for name in ["A".repeat(400), "a b".repeat(90), "é".repeat(300)] {
            let slug = of_name(&name, "service");
            assert!(is_valid(&slug) && slug.len() <= LONGEST + 1, "{slug}");
        }
        assert!(!is_valid("Con Spazi") && !is_valid(""));
    }
}
