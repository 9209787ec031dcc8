//! The PDF of an act: typed input in, the bytes of an accessible PDF/A out.
//!
//! Nothing here reads a database, the network, the clock or a file: the same act and the same time of making
//! always give the same bytes, so a document made again after a crash keeps its digests. Rendering takes
//! the processor for a while (see [`Renderer::render`]): call it on a blocking thread.

mod layout;
mod logo;
mod text;
mod world;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use typst::comemo;
use typst::diag::SourceDiagnostic;
use typst::foundations::{Bytes, Datetime, Smart};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use self::layout::Page;
use self::text::Typesetter;
use self::world::{Room, Workshop};

/// What a person reads in the PDF of an act (request, integration, outcome, …), in the order in which he reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The name of the act; also the title of the PDF.
    pub title: String,
    /// Language of the text: `it`, `de`, `en` or `sl`; anything else is taken as Italian.
    pub language: String,
    /// The body whose letterhead it bears.
    pub issuer: Issuer,
    /// What identifies the act (number of the request, date, service, …): name and value.
    pub facts: Vec<(String, String)>,
    /// The content, in order.
    pub sections: Vec<Section>,
    /// A line at the foot of every page, beside the page number.
    pub footer: String,
}

/// The body that the act belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Issuer {
    /// Its official name.
    pub name: String,
    /// Its postal address, on one or more lines.
    pub address: Option<String>,
    /// Its tax code (*codice fiscale*).
    pub tax_code: Option<String>,
    /// Its coat of arms: PNG, JPEG or SVG. One that cannot be read, or is unreasonably large, is left out.
    pub logo: Option<Vec<u8>>,
}

/// A part of the act, such as a panel of the form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Its heading.
    pub title: Option<String>,
    /// Its content, in order.
    pub items: Vec<Item>,
}

/// One thing in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A question and what was answered. An empty answer is shown as a dash: that nothing was said is information too.
    Answer {
        /// The question.
        label: String,
        /// The answer; line breaks are kept.
        value: String,
    },
    /// Running text.
    Paragraph(String),
    /// Repeated answers. A table too wide for the page is written row by row.
    Table {
        /// The question.
        label: String,
        /// The names of the columns; may be empty.
        header: Vec<String>,
        /// The rows; a short one is filled up with dashes.
        rows: Vec<Vec<String>>,
    },
}

/// Why an act could not be rendered. Never contains the text of the act.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The program itself is at fault: a font or the template is broken.
    #[error("the PDF renderer could not start: {0}")]
    Setup(&'static str),
    /// The act cannot be passed to the typesetter.
    #[error("the act could not be encoded")]
    Encoding(#[from] serde_json::Error),
    /// The typesetter refused the act.
    #[error("the act could not be typeset: {0}")]
    Typesetting(String),
    /// The result would break PDF/A or PDF/UA.
    #[error("the act could not be written as an archival PDF: {0}")]
    Export(String),
}

/// Makes the PDF of acts. Fonts and template are loaded once; a clone shares them.
#[derive(Clone)]
pub struct Renderer {
    workshop: Arc<Workshop>,
}

impl Renderer {
    /// Loads the fonts and the template.
    ///
    /// # Errors
    /// [`RenderError::Setup`] when the binary was built without its fonts.
    pub fn new() -> Result<Self, RenderError> {
        Ok(Self {
            workshop: Arc::new(Workshop::new()?),
        })
    }

    /// The act as PDF/A-2a and PDF/UA-1: for the archive (AgID, *Linee guida sul documento informatico*, annex 2)
    /// and for assistive technology (law 4/2004). Fonts are embedded, the text is tagged.
    ///
    /// `created_at` goes into the metadata, in whole seconds. Any text is accepted; characters that no font
    /// can draw become `�`, and the act says so at its end.
    ///
    /// # Errors
    /// [`RenderError::Typesetting`] or [`RenderError::Export`], which mean a defect of the template: trying again is of no use.
    pub fn render(&self, act: &Act, created_at: DateTime<Utc>) -> Result<Vec<u8>, RenderError> {
        let logo = act
            .issuer
            .logo
            .as_deref()
            .filter(|logo| logo::is_reasonable(logo));
        let pdf = match self.attempt(act, logo, created_at) {
            // Whether a picture can be drawn is only known by drawing it.
            Err(_) if logo.is_some() => self.attempt(act, None, created_at),
            outcome => outcome,
        };
        // The typesetter remembers its work for the next run, and would do so for ever.
        comemo::evict(0);
        pdf
    }

    fn attempt(
        &self,
        act: &Act,
        logo: Option<&[u8]>,
        created_at: DateTime<Utc>,
    ) -> Result<Vec<u8>, RenderError> {
        let typesetter = Typesetter::new(self.workshop.fonts());
        let page = Page::of(act, logo.map(logo::file_name), &typesetter);
        let data = serde_json::to_string(&page)?;
        let options = PdfOptions {
            // Only its hash is written.
            ident: Smart::Custom(format!("{created_at:?} {data}")),
            creator: Smart::Custom(Some("Opencity".to_owned())),
            timestamp: timestamp(created_at),
            page_ranges: None,
            standards: PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1])
                .map_err(|_| RenderError::Setup("PDF/A-2a with PDF/UA-1 is not supported"))?,
            tagged: true,
            pretty: false,
        };
        let room = Room {
            workshop: &self.workshop,
            data: Bytes::from_string(data),
            logo: logo.map(|logo| Bytes::new(logo.to_vec())),
        };
        let document = typst::compile::<PagedDocument>(&room)
            .output
            .map_err(|faults| RenderError::Typesetting(kinds(&faults)))?;
        typst_pdf::pdf(&document, &options).map_err(|faults| RenderError::Export(kinds(&faults)))
    }
}

fn timestamp(at: DateTime<Utc>) -> Option<Timestamp> {
    let part = |number: u32| u8::try_from(number).ok();
    Datetime::from_ymd_hms(
        at.year(),
        part(at.month())?,
        part(at.day())?,
        part(at.hour())?,
        part(at.minute())?,
        part(at.second())?,
    )
    .map(Timestamp::new_utc)
}

/// The messages of the typesetter without what they quote in backticks, which may be somebody's answer.
fn kinds(faults: &[SourceDiagnostic]) -> String {
    faults
        .iter()
        .map(|fault| {
            fault
                .message
                .split('`')
                .step_by(2)
                .collect::<Vec<_>>()
                .join("…")
        })
        .collect::<Vec<_>>()
        .join("; ")
}
