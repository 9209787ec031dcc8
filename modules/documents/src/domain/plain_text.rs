//! The text of the HTML that people write in messages and motivations.

/// What a reader sees of the HTML: paragraphs and line breaks as line breaks, no tags, entities resolved.
pub(crate) fn of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        push(&mut text, before);
        let starts_tag =
            after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        let Some((tag, behind)) = after.split_once('>').filter(|_| starts_tag) else {
            // "a < b" is no tag.
            text.push('<');
            rest = after;
            continue;
        };
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        rest = behind;
        match name.as_str() {
            "br" | "p" | "div" | "li" | "tr" | "ul" | "ol" | "table" | "blockquote" | "h1"
            | "h2" | "h3" | "h4" | "h5" | "h6" => text.push('\n'),
            "td" | "th" => text.push(' '),
            "script" | "style" if !tag.starts_with('/') => {
                let end = format!("</{name}");
                let lower = rest.to_ascii_lowercase();
                rest = lower
                    .find(&end)
                    .and_then(|at| rest.get(at..))
                    .unwrap_or_default();
            }
            _ => {}
        }
    }
    push(&mut text, rest);
    tidy(&text)
}

/// Adds text between tags, its entities resolved. Line breaks of the source are spaces to a reader of HTML, but many
/// messages are plain text, where they mean what they say.
fn push(text: &mut String, source: &str) {
    let mut rest = source;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let resolved = after
            .split_once(';')
            .and_then(|(name, behind)| character(name).map(|character| (character, behind)));
        match resolved {
            Some((character, behind)) => {
                text.push(character);
                rest = behind;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
}

fn character(entity: &str) -> Option<char> {
    let number = entity
        .strip_prefix('#')
        .map(|number| match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        });
    if let Some(number) = number {
        return number.ok().and_then(char::from_u32).filter(|c| *c != '\0');
    }
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "agrave" => 'à',
        "egrave" => 'è',
        "eacute" => 'é',
        "igrave" => 'ì',
        "ograve" => 'ò',
        "ugrave" => 'ù',
        "Agrave" => 'À',
        "Egrave" => 'È',
        "euro" => '€',
        "laquo" => '«',
        "raquo" => '»',
        "rsquo" => '’',
        "lsquo" => '‘',
        "ldquo" => '“',
        "rdquo" => '”',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        _ => return None,
    })
}

/// One space between words, at most one empty line between paragraphs.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !tidied.is_empty() {
            tidied.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        tidied.push_str(&line);
        empty = 0;
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_words_and_the_paragraphs() {
        for (html, text) in [
            ("Plain text", "Plain text"),
            (
                "<p>First &amp; second</p><p>Third</p>",
                "First & second\n\nThird",
            ),
            ("one<br>two<br/>three", "one\ntwo\nthree"),
            ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
            (
                "perch&eacute; &#8364; &#x20AC; &unknown; 3 < 4 & 5",
                "perché € € &unknown; 3 < 4 & 5",
            ),
            ("a<script>alert('x')</script>b<style>p{}</style>c", "abc"),
            ("line\nnext", "line\nnext"),
            (
                "<a href=\"https://x.example\">here</a> <b>bold",
                "here bold",
            ),
            ("<script>never closed", ""),
        ] {
            assert_eq!(of_html(html), text, "{html}");
        }
    }
}
