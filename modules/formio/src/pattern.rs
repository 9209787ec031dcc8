//! JavaScript patterns of `validate.pattern`, made into Rust ones.

use regex::{Regex, RegexBuilder};

/// Compiled patterns larger than this are not applied (bytes).
const SIZE_LIMIT: usize = 1 << 20;

/// Compiles a pattern so that it must match the whole value, as Form.io does. `None` when there is none, or when
/// it uses what only JavaScript has (look-around, back-references): such a rule is left to the browser.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    if pattern.is_empty() {
        return None;
    }
    RegexBuilder::new(&format!("^(?:{})$", translate(pattern)))
        .size_limit(SIZE_LIMIT)
        .build()
        .ok()
}

/// `\d` and `\w` are ASCII in JavaScript, and `[`, `&`, `~` mean nothing special inside a class.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
            }
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::compile;

    #[test]
    fn a_pattern_matches_the_whole_value_and_digits_are_ascii() {
        let postcode = compile(r"\d{5}").unwrap();
        assert!(postcode.is_match("56121"));
        assert!(!postcode.is_match("561210"));
        assert!(!postcode.is_match("٥٦١٢١"));
        assert!(compile(r"[\w.&\-]+").unwrap().is_match("a-b.c&d"));
        assert!(compile("a|b").unwrap().is_match("b"));
        assert!(!compile("a|b").unwrap().is_match("ab"));
    }

    #[test]
    fn a_pattern_that_only_javascript_has_is_left_alone() {
        assert!(compile(r"(?=x)y").is_none());
        assert!(compile("").is_none());
    }
}
