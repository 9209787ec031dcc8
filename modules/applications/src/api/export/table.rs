//! A table with the tables of its grids, written as it comes: the first one straight to the caller, those of the grids to files on
//! disk that follow it in the archive. What is held in memory is what one batch makes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::columns::{Cell, Columns};
use super::layout::{Layout, SHEET_ROWS, escape};
use crate::aggregate::Aggregate;

/// Bytes of a grid's file that are copied at a time.
const PIECE: u64 = 256 * 1024;
/// The most characters of a sheet's name.
const SHEET_NAME: usize = 31;
/// The most characters of a file's name.
const FILE_NAME: usize = 100;

/// Where bytes wait for the caller.
#[derive(Clone, Default)]
struct Outlet(Arc<Mutex<Vec<u8>>>);

impl Outlet {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A plain file, or an archive.
enum Out {
    Plain(Outlet),
    Archive(Box<ZipWriter<StreamWriter<Outlet>>>),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Archive(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A sheet of a table, or all of it, on disk until its turn comes.
struct Spool {
    file: BufWriter<File>,
    rows: u64,
}

impl Spool {
    fn begin(layout: Layout, head: &[Cell], folder: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(tempfile::tempfile_in(folder)?);
        layout.begin(&mut file)?;
        layout.row(&mut file, head)?;
        Ok(Self { file, rows: 1 })
    }
}

/// The spools of a table: a further one begins when the last is full.
struct Spools {
    head: Vec<Cell>,
    spools: Vec<Spool>,
}

impl Spools {
    fn add(&mut self, layout: Layout, most: u64, row: &[Cell], folder: &Path) -> io::Result<()> {
        if self.spools.last().is_none_or(|last| last.rows >= most) {
            self.spools.push(Spool::begin(layout, &self.head, folder)?);
        }
        if let Some(last) = self.spools.last_mut() {
            last.rows += 1;
            layout.row(&mut last.file, row)?;
        }
        Ok(())
    }
}

/// A table under way.
pub struct Table {
    layout: Layout,
    columns: Columns,
    outlet: Outlet,
    out: Option<Out>,
    rows: u64,
    /// The most rows of a file.
    most: u64,
    name: String,
    folder: PathBuf,
    /// What has no place in the first file: further sheets of the table, then the grids.
    spools: Vec<Spools>,
    /// With the names of their files; the one that is being copied has left.
    waiting: std::vec::IntoIter<(String, Spool)>,
    names: Vec<String>,
    copied: Option<BufReader<File>>,
    ended: bool,
}

impl Table {
    /// Begins a table. `name` is that of its file, `folder` where the grids' tables wait.
    ///
    /// # Errors
    /// If a file cannot be made.
    pub fn begin(layout: Layout, columns: Columns, name: &str, folder: &Path) -> io::Result<Self> {
        let outlet = Outlet::default();
        let mut out = if is_archive(layout, &columns) {
            let mut archive = Box::new(ZipWriter::new_stream(outlet.clone()));
            let names = names(layout, vec![name.to_owned()]);
            archive.start_file(entry(layout, &names, 0), options(layout))?;
            Out::Archive(archive)
        } else {
            Out::Plain(outlet.clone())
        };
        layout.begin(&mut out)?;
        layout.row(&mut out, &columns.head())?;
        let mut spools = vec![Spools {
            head: columns.head(),
            spools: Vec::new(),
        }];
        for grid in &columns.grids {
            let head = grid.head();
            spools.push(Spools {
                spools: vec![Spool::begin(layout, &head, folder)?],
                head,
            });
        }
        Ok(Self {
            most: match layout {
                Layout::Csv => u64::MAX,
                Layout::Sheet => SHEET_ROWS,
            },
            layout,
            columns,
            outlet,
            out: Some(out),
            rows: 1,
            name: name.to_owned(),
            folder: folder.to_owned(),
            spools,
            waiting: Vec::new().into_iter(),
            names: Vec::new(),
            copied: None,
            ended: false,
        })
    }

    /// Adds applications. What a sheet has no room for goes on in a further one.
    ///
    /// # Errors
    /// If something cannot be written.
    pub fn add(&mut self, found: &[Aggregate]) -> io::Result<()> {
        for aggregate in found {
            let row = self.columns.row(aggregate).map_err(io::Error::other)?;
            let grids: Vec<Vec<Vec<Cell>>> = self
                .columns
                .grids
                .iter()
                .map(|grid| grid.rows(aggregate).collect())
                .collect();
            self.put(&row, &grids)?;
        }
        Ok(())
    }

    /// A row, and the rows of each of its grids.
    fn put(&mut self, row: &[Cell], grids: &[Vec<Vec<Cell>>]) -> io::Result<()> {
        let (layout, most) = (self.layout, self.most);
        let mut spools = self.spools.iter_mut();
        let further = spools.next();
        match (&mut self.out, further) {
            (Some(out), _) if self.rows < most => {
                self.rows += 1;
                layout.row(out, row)?;
            }
            (_, Some(further)) => further.add(layout, most, row, &self.folder)?,
            (_, None) => {}
        }
        for (spools, rows) in spools.zip(grids) {
            for row in rows {
                spools.add(layout, most, row, &self.folder)?;
            }
        }
        Ok(())
    }

    /// Goes on to the end by a piece; whether there is more to come.
    ///
    /// # Errors
    /// If something cannot be read or written.
    pub fn finish(&mut self) -> io::Result<bool> {
        let Some(mut out) = self.out.take() else {
            return Ok(false);
        };
        if !self.ended {
            self.layout.end(&mut out)?;
            self.ended = true;
            self.line_up();
        }
        if let Some(file) = &mut self.copied
            && io::copy(&mut file.take(PIECE), &mut out)? > 0
        {
            self.out = Some(out);
            return Ok(true);
        }
        self.copied = None;
        match (self.waiting.next(), out) {
            (Some((name, mut spool)), Out::Archive(mut archive)) => {
                self.layout.end(&mut spool.file)?;
                let mut file = spool.file.into_inner().map_err(io::Error::from)?;
                file.rewind()?;
                archive.start_file(name, options(self.layout))?;
                self.copied = Some(BufReader::new(file));
                self.out = Some(Out::Archive(archive));
                Ok(true)
            }
            (_, Out::Archive(mut archive)) => {
                if self.layout == Layout::Sheet {
                    workbook(&mut archive, &self.names)?;
                }
                archive.finish()?;
                Ok(false)
            }
            (_, Out::Plain(_)) => Ok(false),
        }
    }

    /// Names what follows the first file.
    fn line_up(&mut self) {
        let grids = self.columns.grids.iter().map(|grid| match self.layout {
            Layout::Csv => format!("{}-{}", self.name, grid.path.replace('.', "-")),
            Layout::Sheet if grid.label.is_empty() => grid.path.clone(),
            Layout::Sheet => grid.label.clone(),
        });
        let tables = std::iter::once(self.name.clone()).chain(grids);
        let (mut wanted, mut spools) = (vec![self.name.clone()], Vec::new());
        for (table, some) in tables.zip(std::mem::take(&mut self.spools)) {
            wanted.extend(some.spools.iter().map(|_| table.clone()));
            spools.extend(some.spools);
        }
        self.names = names(self.layout, wanted);
        let waiting: Vec<(String, Spool)> = (1..)
            .zip(spools)
            .map(|(at, spool)| (entry(self.layout, &self.names, at), spool))
            .collect();
        self.waiting = waiting.into_iter();
    }

    /// What has been written since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.outlet.take()
    }
}

/// Whether it is more than one file.
#[must_use]
pub fn is_archive(layout: Layout, columns: &Columns) -> bool {
    layout == Layout::Sheet || !columns.grids.is_empty()
}

fn options(layout: Layout) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Beyond 4 GiB: a sheet cannot grow so large.
        .large_file(layout == Layout::Csv)
}

/// The names of the files, each another.
fn names(layout: Layout, wanted: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let most = match layout {
        Layout::Csv => FILE_NAME,
        Layout::Sheet => SHEET_NAME,
    };
    for wanted in wanted {
        let clean: String = wanted
            .chars()
            .map(|c| if is_safe(layout, c) { c } else { '_' })
            .take(most)
            .collect();
        let taken = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let mut own = clean.clone();
        let mut number = 2;
        while taken(&own) {
            let tail = format!("_{number}");
            let room = most.saturating_sub(tail.len());
            own = clean.chars().take(room).chain(tail.chars()).collect();
            number += 1;
        }
        names.push(own);
    }
    names
}

fn is_safe(layout: Layout, c: char) -> bool {
    match layout {
        Layout::Csv => c.is_ascii_alphanumeric() || matches!(c, '-' | '_'),
        Layout::Sheet => {
            !c.is_control() && !matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'')
        }
    }
}

/// The name of a table in the archive.
fn entry(layout: Layout, names: &[String], at: usize) -> String {
    match layout {
        Layout::Csv => format!("{}.csv", names.get(at).map_or("table", String::as_str)),
        Layout::Sheet => format!("xl/worksheets/sheet{}.xml", at + 1),
    }
}

/// What a workbook has beside its sheets.
fn workbook(archive: &mut ZipWriter<StreamWriter<Outlet>>, names: &[String]) -> io::Result<()> {
    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const PARTS: &str = "http://schemas.openxmlformats.org/package/2006";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let numbered: Vec<(usize, &String)> = (1..).zip(names).collect();
    let mut types = format!(
        r#"{HEAD}<Types xmlns="{PARTS}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>"#
    );
    let mut sheets = Vec::new();
    let mut links = String::new();
    for (number, name) in numbered {
        types.push_str(&format!(r#"<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{KIND}.worksheet+xml"/>"#));
        sheets.extend_from_slice(br#"<sheet name=""#);
        escape(&mut sheets, name)?;
        write!(sheets, r#"" sheetId="{number}" r:id="rId{number}"/>"#)?;
        links.push_str(&format!(r#"<Relationship Id="rId{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>"#));
    }
    let sheets = String::from_utf8_lossy(&sheets);
    part(archive, "[Content_Types].xml", &format!("{types}</Types>"))?;
    part(
        archive,
        "_rels/.rels",
        &format!(
            r#"{HEAD}<Relationships xmlns="{PARTS}/relationships"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
        ),
    )?;
    part(
        archive,
        "xl/workbook.xml",
        &format!(
            r#"{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>"#
        ),
    )?;
    part(
        archive,
        "xl/_rels/workbook.xml.rels",
        &format!(r#"{HEAD}<Relationships xmlns="{PARTS}/relationships">{links}</Relationships>"#),
    )
}

fn part(archive: &mut ZipWriter<StreamWriter<Outlet>>, name: &str, body: &str) -> io::Result<()> {
    archive.start_file(name, options(Layout::Sheet))?;
    archive.write_all(body.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    /// The parts of the archive that a table of these rows becomes, by name.
    fn parts(layout: Layout, most: u64, rows: usize) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let columns = Columns::with_grid("children", "Figli");
        let mut table = Table::begin(layout, columns, "asilo", folder.path()).unwrap();
        table.most = most;
        for row in 0..rows {
            let children = [format!("{row}a"), format!("{row}b")].map(|name| vec![text(&name)]);
            table
                .put(&[text(&format!("row {row}"))], &[children.to_vec()])
                .unwrap();
        }
        while table.finish().unwrap() {}
        let mut archive = zip::ZipArchive::new(io::Cursor::new(table.take())).unwrap();
        let names: Vec<String> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        names
            .into_iter()
            .map(|name| {
                let mut body = String::new();
                archive
                    .by_name(&name)
                    .unwrap()
                    .read_to_string(&mut body)
                    .unwrap();
                (name, body)
            })
            .collect()
    }

    #[test]
    fn what_a_sheet_has_no_room_for_goes_on_in_a_further_one() {
        let parts = parts(Layout::Sheet, 4, 5);
        let body = |wanted: &str| {
            let part = parts.iter().find(|(name, _)| name == wanted);
            part.map(|(_, body)| body.as_str()).unwrap()
        };
        let sheet = |number: usize| body(&format!("xl/worksheets/sheet{number}.xml"));
        // Head and three rows, head and two; ten rows of the grid in threes.
        let rows: Vec<usize> = (1..=6)
            .map(|number| sheet(number).matches("<row>").count())
            .collect();
        assert_eq!(rows, [4, 3, 4, 4, 4, 2]);
        assert!(sheet(1).contains("row 2") && sheet(2).contains("row 3"));
        assert!(sheet(3).contains("1a") && sheet(4).contains("1b") && sheet(6).contains("4b"));
        let book = body("xl/workbook.xml");
        for name in ["asilo", "asilo_2", "Figli", "Figli_2", "Figli_3", "Figli_4"] {
            assert!(book.contains(&format!("name=\"{name}\"")), "{name}: {book}");
        }
        assert_eq!(
            body("[Content_Types].xml").matches("worksheet+xml").count(),
            6
        );
    }

    #[test]
    fn a_table_of_text_is_never_split() {
        let names: Vec<String> = parts(Layout::Csv, u64::MAX, 5)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["asilo.csv", "asilo-children.csv"]);
    }
}
