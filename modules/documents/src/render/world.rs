//! The closed room in which the typesetter works: it sees the template, the act and the logo, and nothing of the machine.

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook, FontInfo};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

use super::{RenderError, logo};

const TEMPLATE: &str = include_str!("templates/act.typ");

/// The families that the template names, in order of preference. A small set on purpose: it decides
/// which characters can be drawn (see [`super::text`]).
pub(super) const FAMILIES: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

/// What all acts share.
pub(super) struct Workshop {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    act: FileId,
    logos: [FileId; 3],
}

impl Workshop {
    pub(super) fn new() -> Result<Self, RenderError> {
        let fonts: Vec<Font> = typst_assets::fonts()
            .flat_map(|data| Font::iter(Bytes::new(data)))
            .filter(|font| FAMILIES.contains(&font.info().family.as_str()))
            .collect();
        for family in FAMILIES {
            if !fonts.iter().any(|font| font.info().family == family) {
                return Err(RenderError::Setup("a font family is missing"));
            }
        }
        Ok(Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            template: Source::new(file("/act.typ")?, TEMPLATE.to_owned()),
            act: file("/act.json")?,
            logos: [file(logo::PNG)?, file(logo::JPEG)?, file(logo::SVG)?],
        })
    }

    pub(super) fn fonts(&self) -> impl Iterator<Item = &FontInfo> {
        self.fonts.iter().map(Font::info)
    }
}

fn file(path: &str) -> Result<FileId, RenderError> {
    VirtualPath::new(path)
        .map(|path| RootedPath::new(VirtualRoot::Project, path).intern())
        .map_err(|_| RenderError::Setup("a virtual path is malformed"))
}

/// The room of one act.
pub(super) struct Room<'a> {
    pub(super) workshop: &'a Workshop,
    /// The act as JSON. Data only: the template never evaluates it.
    pub(super) data: Bytes,
    pub(super) logo: Option<Bytes>,
}

impl World for Room<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.workshop.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.workshop.book
    }

    fn main(&self) -> FileId {
        self.workshop.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.workshop.template.id() {
            Ok(self.workshop.template.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.workshop.act {
            return Ok(self.data.clone());
        }
        match &self.logo {
            Some(logo) if self.workshop.logos.contains(&id) => Ok(logo.clone()),
            _ => Err(FileError::AccessDenied),
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.workshop.fonts.get(index).cloned()
    }

    /// No clock: the act carries its own dates.
    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}
