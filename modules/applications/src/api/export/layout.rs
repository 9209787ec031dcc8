//! How a table is written: CSV (RFC 4180) or a sheet of an XLSX workbook (ECMA-376), row by row.

use std::borrow::Cow;
use std::io::{self, Write};

use super::columns::Cell;

/// The most rows of a sheet, its head included.
pub const SHEET_ROWS: u64 = 1_048_576;
/// The most characters of a cell of a sheet, which are units of UTF-16.
const CELL_MAX: usize = 32_767;
/// The end of a text of which a cell holds no more.
const CUT: &str = " […]";

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Comma, CRLF, UTF-8, quotes where needed.
    Csv,
    /// A sheet.
    Sheet,
}

impl Layout {
    /// What comes before the first row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Csv => Ok(()),
            Self::Sheet => out.write_all(
                br#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
            ),
        }
    }

    /// A row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn row(self, out: &mut dyn Write, cells: &[Cell]) -> io::Result<()> {
        match self {
            Self::Csv => csv_row(out, cells),
            Self::Sheet => sheet_row(out, cells),
        }
    }

    /// What comes after the last row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Csv => Ok(()),
            Self::Sheet => out.write_all(b"</sheetData></worksheet>"),
        }
    }
}

fn csv_row(out: &mut dyn Write, cells: &[Cell]) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::Empty => {}
            Cell::Number(number) => out.write_all(number.as_bytes())?,
            Cell::Text(text) if is_formula(text) => csv_field(out, &format!("'{text}"))?,
            Cell::Text(text) => csv_field(out, text)?,
        }
    }
    out.write_all(b"\r\n")
}

fn csv_field(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if text.contains([',', '"', '\r', '\n']) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}

/// What a spreadsheet would take for a formula and not for a text (OWASP, CSV Injection).
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn sheet_row(out: &mut dyn Write, cells: &[Cell]) -> io::Result<()> {
    out.write_all(b"<row>")?;
    for cell in cells {
        match cell {
            Cell::Empty => out.write_all(b"<c/>")?,
            Cell::Number(number) => write!(out, "<c><v>{number}</v></c>")?,
            Cell::Text(text) => {
                out.write_all(br#"<c t="inlineStr"><is><t xml:space="preserve">"#)?;
                escape(out, &cell_text(text))?;
                out.write_all(b"</t></is></c>")?;
            }
        }
    }
    out.write_all(b"</row>")
}

/// What a cell holds of a text: one that is cut says so at its end.
fn cell_text(text: &str) -> Cow<'_, str> {
    if text.len() <= CELL_MAX || text.encode_utf16().count() <= CELL_MAX {
        return Cow::Borrowed(text);
    }
    let mut left = CELL_MAX - CUT.len();
    let kept = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    });
    Cow::Owned(kept.chain(CUT.chars()).collect())
}

/// Text between tags or quotes; what XML cannot hold is left out.
pub fn escape(out: &mut dyn Write, text: &str) -> io::Result<()> {
    for c in text.chars() {
        match c {
            '<' => out.write_all(b"&lt;")?,
            '>' => out.write_all(b"&gt;")?,
            '&' => out.write_all(b"&amp;")?,
            '"' => out.write_all(b"&quot;")?,
            '\t' | '\n' => write!(out, "{c}")?,
            '\r' => out.write_all(b"&#13;")?,
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_ascii_control() => {}
            c => write!(out, "{c}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(layout: Layout, cells: &[Cell]) -> String {
        let mut out = Vec::new();
        layout.row(&mut out, cells).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn a_csv_row_is_quoted_where_needed_and_no_text_is_a_formula() {
        let cells = [
            text("a,b"),
            text("say \"x\"\nthere"),
            text("=1+1"),
            text("@SUM(A1)"),
            text("-5"),
            Cell::Number("-5".to_owned()),
            Cell::Empty,
            text("è"),
        ];
        assert_eq!(
            written(Layout::Csv, &cells),
            "\"a,b\",\"say \"\"x\"\"\nthere\",'=1+1,'@SUM(A1),'-5,-5,,è\r\n"
        );
    }

    #[test]
    fn a_row_of_a_sheet_holds_what_xml_can() {
        let cells = [
            text("<a & b>\u{1}"),
            Cell::Number("7".to_owned()),
            Cell::Empty,
        ];
        assert_eq!(
            written(Layout::Sheet, &cells),
            "<row><c t=\"inlineStr\"><is><t xml:space=\"preserve\">&lt;a &amp; b&gt;</t></is></c><c><v>7</v></c><c/></row>"
        );
    }

    #[test]
    fn a_text_that_a_cell_cannot_hold_says_that_it_goes_on() {
        let whole = "è".repeat(CELL_MAX);
        assert_eq!(cell_text(&whole), whole);
        for long in ["è".repeat(CELL_MAX + 1), "🏠".repeat(CELL_MAX / 2 + 1)] {
            let cut = cell_text(&long);
            assert!(cut.ends_with(CUT) && cut.encode_utf16().count() <= CELL_MAX);
            assert!(long.starts_with(cut.strip_suffix(CUT).unwrap()));
            assert!(cut.encode_utf16().count() > CELL_MAX - 10);
        }
    }
}
