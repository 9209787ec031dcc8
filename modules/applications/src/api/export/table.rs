//! A table with the tables of its grids, written as it comes: the first one straight to the caller, those of the grids to files on
//! disk that follow it in the archive. What is held in memory is what one batch makes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
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

/// The table of a grid, on disk until its turn comes.
struct Spool {
    name: String,
    file: BufWriter<File>,
    rows: u64,
}

/// A table under way.
pub struct Table {
    layout: Layout,
    columns: Columns,
    outlet: Outlet,
    out: Option<Out>,
    rows: u64,
    /// In order; the one that is being copied has left.
    waiting: std::vec::IntoIter<Spool>,
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
        let names = names(layout, name, &columns);
        let mut out = if is_archive(layout, &columns) {
            let mut archive = Box::new(ZipWriter::new_stream(outlet.clone()));
            if layout == Layout::Sheet {
                workbook(&mut archive, &names)?;
            }
            archive.start_file(entry(layout, &names, 0), options(layout))?;
            Out::Archive(archive)
        } else {
            Out::Plain(outlet.clone())
        };
        layout.begin(&mut out)?;
        layout.row(&mut out, &columns.head())?;
        let mut spools = Vec::with_capacity(columns.grids.len());
        for (at, grid) in columns.grids.iter().enumerate() {
            let mut file = BufWriter::new(tempfile::tempfile_in(folder)?);
            layout.begin(&mut file)?;
            layout.row(&mut file, &grid.head())?;
            spools.push(Spool {
                name: entry(layout, &names, at + 1),
                file,
                rows: 1,
            });
        }
        Ok(Self {
            layout,
            columns,
            outlet,
            out: Some(out),
            rows: 1,
            waiting: spools.into_iter(),
            copied: None,
            ended: false,
        })
    }

    /// Adds applications.
    ///
    /// # Errors
    /// If something cannot be written, or a sheet is full.
    pub fn add(&mut self, found: &[Aggregate]) -> io::Result<()> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        for aggregate in found {
            let row = self.columns.row(aggregate).map_err(io::Error::other)?;
            put(self.layout, out, &row, &mut self.rows)?;
            let grids = self.columns.grids.iter().zip(self.waiting.as_mut_slice());
            for (grid, spool) in grids {
                for row in grid.rows(aggregate) {
                    put(self.layout, &mut spool.file, &row, &mut spool.rows)?;
                }
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
        }
        if let Some(file) = &mut self.copied
            && io::copy(&mut file.take(PIECE), &mut out)? > 0
        {
            self.out = Some(out);
            return Ok(true);
        }
        self.copied = None;
        match (self.waiting.next(), out) {
            (Some(mut spool), Out::Archive(mut archive)) => {
                self.layout.end(&mut spool.file)?;
                let mut file = spool.file.into_inner().map_err(io::Error::from)?;
                file.rewind()?;
                archive.start_file(spool.name, options(self.layout))?;
                self.copied = Some(BufReader::new(file));
                self.out = Some(Out::Archive(archive));
                Ok(true)
            }
            (_, Out::Archive(archive)) => {
                archive.finish()?;
                Ok(false)
            }
            (_, Out::Plain(_)) => Ok(false),
        }
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

fn put(layout: Layout, out: &mut dyn Write, row: &[Cell], rows: &mut u64) -> io::Result<()> {
    *rows += 1;
    if layout == Layout::Sheet && *rows > SHEET_ROWS {
        return Err(io::Error::other("a sheet of the workbook is full"));
    }
    layout.row(out, row)
}

fn options(layout: Layout) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Beyond 4 GiB: a sheet cannot grow so large.
        .large_file(layout == Layout::Csv)
}

/// The names of the table and of its grids' tables, each another.
fn names(layout: Layout, name: &str, columns: &Columns) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let grids = columns.grids.iter().map(|grid| match layout {
        Layout::Csv => format!("{name}-{}", grid.path.replace('.', "-")),
        Layout::Sheet if grid.label.is_empty() => grid.path.clone(),
        Layout::Sheet => grid.label.clone(),
    });
    let most = match layout {
        Layout::Csv => FILE_NAME,
        Layout::Sheet => SHEET_NAME,
    };
    for wanted in std::iter::once(name.to_owned()).chain(grids) {
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
