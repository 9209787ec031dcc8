//! A minimal PDF: one A4 page of text.

use std::fmt::Write;

/// Characters of a line of text, by the width of the page.
const LINE: usize = 90;

/// One page with a heading and lines of text; long lines are wrapped, what Windows-1252 lacks is `?`.
pub(crate) fn page(heading: &str, lines: &[String]) -> Vec<u8> {
    let mut text = format!(
        "BT /F1 18 Tf 56 770 Td ({}) Tj /F1 11 Tf\n",
        string(heading)
    );
    text.push_str("0 -20 Td\n");
    for line in lines.iter().flat_map(|line| wrapped(line)) {
        // Writing to a string cannot fail.
        writeln!(text, "0 -18 Td ({}) Tj", string(&line)).ok();
    }
    text.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R /Lang (it-IT) >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] \
         /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        format!("<< /Title ({}) >>", string(heading)),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(&objects) {
        writeln!(table, "{:010} 00000 n ", file.len()).ok();
        write!(file, "{number} 0 obj\n{object}\nendobj\n").ok();
    }
    let start = file.len();
    write!(
        file,
        "{table}trailer\n<< /Size {} /Root 1 0 R /Info 6 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    )
    .ok();
    file.into_bytes()
}

/// The inside of a PDF string, in ASCII: other characters as octal escapes of Windows-1252.
fn string(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '(' | ')' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            ' '..='~' => out.push(character),
            '€' => out.push_str("\\200"),
            '’' => out.push_str("\\222"),
            '\u{a0}'..='\u{ff}' => {
                write!(out, "\\{:03o}", u32::from(character)).ok();
            }
            _ => out.push('?'),
        }
    }
    out
}

fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for word in line.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > LINE {
            lines.push(String::new());
            width = 0;
        }
        if let Some(last) = lines.last_mut() {
            if width > 0 {
                last.push(' ');
                width += 1;
            }
            last.push_str(word);
            width += length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn every_entry_of_the_table_points_to_its_object() {
        let file = String::from_utf8(page("Titolo", &["Università (€ 3) \\".to_owned()])).unwrap();
        let start: usize = file
            .split("startxref\n")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .expect("a start of the table")
            .parse()
            .unwrap();
        let entries: Vec<&str> = file[start..]
            .lines()
            .skip(3)
            .take_while(|line| line.ends_with("n "))
            .collect();
        assert_eq!(entries.len(), 6);
        for (number, entry) in (1..).zip(entries) {
            let offset: usize = entry[..10].parse().unwrap();
            assert!(file[offset..].starts_with(&format!("{number} 0 obj\n")));
        }
        assert!(file.contains("(Universit\\340 \\(\\200 3\\) \\\\) Tj"));
    }

    #[test]
    fn a_long_line_is_wrapped_between_words() {
        let lines = wrapped(&"parola ".repeat(30));
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| line.len() <= LINE));
        assert_eq!(lines.join(" "), "parola ".repeat(30).trim());
    }
}
