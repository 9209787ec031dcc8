//! Reads a CSV file that comes as a stream of bytes, from a given row on, in batches of rows.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use futures::StreamExt;
use opencity_kernel::files::{FileContent, FileError};
use tokio::sync::mpsc;

/// The most bytes in which the first line is looked for.
const FIRST_LINE: u64 = 64 * 1024;

/// Where to begin.
#[derive(Debug, Clone)]
pub struct Start {
    /// Bytes of the file that are done.
    pub byte_offset: u64,
    /// The line that follows.
    pub line: u64,
    /// The delimiter, when the first line has been read.
    pub delimiter: Option<u8>,
}

/// Some rows.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with its line; `None` in place of a row that is not UTF-8.
    pub rows: Vec<(u64, Option<Vec<String>>)>,
    /// Bytes of the file that are done after these rows.
    pub byte_offset: u64,
    /// The line that follows.
    pub line: u64,
    /// What separates the cells.
    pub delimiter: u8,
}

/// The batches of a file. An empty batch is the end; a closed channel without one, too.
///
/// The parser reads on a thread of its own, because it pulls while the file is pushed. It is never more than a few pieces and one
/// batch ahead, and ends when the receiver is dropped.
pub fn read(
    content: FileContent,
    start: Start,
    rows: usize,
) -> mpsc::Receiver<Result<Batch, FileError>> {
    let (pieces, received) = mpsc::channel::<Result<Bytes, FileError>>(4);
    let (batches, result) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut body = content.body;
        while let Some(piece) = body.next().await {
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
    });
    tokio::task::spawn_blocking(move || {
        let end = parse(
            Pieces {
                received,
                current: Bytes::new(),
            },
            start,
            rows,
            &batches,
        );
        if let Err(error) = end {
            let _ = batches.blocking_send(Err(FileError::Source(Box::new(error))));
        }
    });
    result
}

fn parse(
    pieces: Pieces,
    start: Start,
    size: usize,
    batches: &mpsc::Sender<Result<Batch, FileError>>,
) -> Result<(), csv::Error> {
    let mut input = BufReader::with_capacity(64 * 1024, pieces);
    let mut base = start.byte_offset;
    let mut head = Vec::new();
    if let Some(delimiter) = start.delimiter {
        io::copy(&mut input.by_ref().take(base), &mut io::sink())?;
        return parse_rows(
            io::Cursor::new(head).chain(input),
            delimiter,
            &Start {
                byte_offset: base,
                ..start
            },
            size,
            batches,
        );
    }
    input
        .by_ref()
        .take(FIRST_LINE)
        .read_until(b'\n', &mut head)?;
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        head.drain(..3);
        base = 3;
    }
    let delimiter = delimiter_of(&head);
    parse_rows(
        io::Cursor::new(head).chain(input),
        delimiter,
        &Start {
            byte_offset: base,
            ..start
        },
        size,
        batches,
    )
}

fn parse_rows(
    input: impl Read,
    delimiter: u8,
    start: &Start,
    size: usize,
    batches: &mpsc::Sender<Result<Batch, FileError>>,
) -> Result<(), csv::Error> {
    // Every row ends with a newline, also the last one, so that lines can be counted backwards from the end of a row.
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(input.chain(&b"\n"[..]));
    loop {
        let mut batch = Batch {
            delimiter,
            ..Batch::default()
        };
        let mut record = csv::ByteRecord::new();
        while batch.rows.len() < size && reader.read_byte_record(&mut record)? {
            let inside: u64 = record
                .iter()
                .flatten()
                .map(|byte| u64::from(*byte == b'\n'))
                .sum();
            let line = (start.line + reader.position().line()).saturating_sub(2 + inside);
            let mut cells: Vec<&[u8]> = record.iter().collect();
            if let Some(last) = cells.last_mut() {
                *last = last.strip_suffix(b"\r").unwrap_or(last);
            }
            if cells.iter().all(|cell| cell.is_empty()) {
                continue;
            }
            batch.rows.push((
                line,
                cells
                    .into_iter()
                    .map(|cell| String::from_utf8(cell.to_vec()).ok())
                    .collect(),
            ));
        }
        batch.byte_offset = start.byte_offset + reader.position().byte();
        batch.line = start.line + reader.position().line() - 1;
        let last = batch.rows.is_empty();
        if batches.blocking_send(Ok(batch)).is_err() || last {
            return Ok(());
        }
    }
}

/// `;` if the first line has more of them than commas.
fn delimiter_of(beginning: &[u8]) -> u8 {
    let first_line = beginning
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |wanted: u8| first_line.iter().filter(|byte| **byte == wanted).count();
    if count(b';') > count(b',') {
        b';'
    } else {
        b','
    }
}

struct Pieces {
    received: mpsc::Receiver<Result<Bytes, FileError>>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.received.blocking_recv() {
                Some(piece) => self.current = piece.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        let piece = self.current.split_to(length);
        for (to, from) in buffer.iter_mut().zip(piece) {
            *to = from;
        }
        Ok(length)
    }
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

    /// A file that comes one byte at a time.
    fn content(text: &'static str) -> FileContent {
        let size = text.len() as u64;
        let body = futures::stream::iter(
            text.as_bytes()
                .chunks(1)
                .map(|byte| Ok(Bytes::from_static(byte))),
        )
        .boxed();
        FileContent {
            size,
            range: 0..size,
            body,
        }
    }

    async fn lines(text: &'static str, rows: usize) -> Vec<(u64, Vec<String>)> {
        let mut start = Start {
            byte_offset: 0,
            line: 1,
            delimiter: None,
        };
        let mut all = Vec::new();
        loop {
            // A new stream for each batch, as after a crash.
            let batch = read(content(text), start, rows)
                .recv()
                .await
                .unwrap()
                .unwrap();
            if batch.rows.is_empty() {
                return all;
            }
            start = Start {
                byte_offset: batch.byte_offset,
                line: batch.line,
                delimiter: Some(batch.delimiter),
            };
            all.extend(
                batch
                    .rows
                    .into_iter()
                    .map(|(line, cells)| (line, cells.unwrap())),
            );
        }
    }

    #[tokio::test]
    async fn reading_on_from_any_row_gives_the_rows_of_reading_at_once() {
        let text = "\u{feff}a;b\r\n1;\"x\ny;z\"\r\n\r\n2;\"\"\"q\"\"\"\n3;last";
        let all = lines(text, 100).await;
        assert_eq!(
            all.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [1, 2, 5, 6],
            "{all:?}"
        );
        assert_eq!(all[1].1, ["1", "x\ny;z"]);
        for rows in 1..4 {
            assert_eq!(lines(text, rows).await, all, "{rows}");
        }
    }

    #[tokio::test]
    async fn an_empty_file_has_no_rows() {
        assert_eq!(lines("", 10).await, []);
    }
}
