//! Files of a corpus to records, and records to pages: single pages, JSON lines, WARC and Parquet, packed or not.
//!
//! Reading a record and making it a page are two steps: the first goes through a file in order, the second can be done in parallel.
//! A bad record is an error with its place, and the records behind it are read.

pub mod conversion;
pub mod http;
pub mod json_lines;
pub mod packed;
pub mod page_table;
pub mod parquet;
pub mod row_table;
pub mod undo;
pub mod warc;

use crate::error::{Error, Result};
use crate::page::{Page, PageKind, PageOptions, check_size};
use packed::{Packing, Source, Window, unpack};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many times as many bytes as its page a record may have: escapes and other keys stand in it, and it is in memory as a whole (chosen).
const RECORD_OF_PAGE: usize = 4;

/// The most bytes of a record that are allowed even when pages may hardly have any (chosen: other keys than the page's can be long).
const LEAST_RECORD_BYTES: usize = 1 << 24;

/// Bytes at the start of a file that are looked at to tell what it holds (chosen: most first lines of JSON end in them).
const SNIFF_BYTES: usize = 1 << 16;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One page, text or HTML.
    Page,
    /// One JSON object a line.
    JsonLines,
    /// A web archive: WARC, and WET, which is WARC with the pages' text.
    Warc,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// What a file of this name holds; `None` when its ending does not tell. The ending of a packed file does not count.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = unpacked_name(path).extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "txt" | "text" | "md" | "html" | "htm" | "xhtml" | "shtml" => Some(Self::Page),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "warc" | "wet" => Some(Self::Warc),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// What bytes that begin so, unpacked, are.
    pub fn of_content(head: &[u8]) -> Self {
        if warc::begins_record(head) {
            Self::Warc
        } else if head.starts_with(parquet::MAGIC) {
            Self::Parquet
        } else if json_lines::begins_lines(head) {
            Self::JsonLines
        } else {
            Self::Page
        }
    }
}

/// A path without the ending that says how the file is packed.
pub fn unpacked_name(path: &Path) -> &Path {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_packed = Packing::ALL.iter().any(|packing| packing.ending() == ending);
    match path.file_stem().filter(|_| is_packed) {
        Some(stem) => Path::new(stem),
        None => path,
    }
}

/// Where records have their page and its name: keys of JSON objects, columns of Parquet files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The page as plain text; not read when `html` is given, and written in any case.
    pub text: String,
    /// The page as HTML.
    pub html: Option<String>,
    /// The page's name.
    pub id: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            text: "text".to_owned(),
            html: None,
            id: "id".to_owned(),
        }
    }
}

impl Keys {
    /// The key of the page, and what is there.
    pub fn page(&self) -> (&str, PageKind) {
        match &self.html {
            Some(key) => (key, PageKind::Html),
            None => (&self.text, PageKind::Text),
        }
    }

    /// What to do about a record without a page.
    fn remedy(&self) -> &'static str {
        "name the one of the page with --text-key or --html-key"
    }
}

/// How files are read; the default finds everything out.
#[derive(Clone, Debug, Default)]
pub struct CorpusOptions {
    /// What all files hold; `None`: by ending, then by content.
    pub format: Option<Format>,
    /// Where JSON lines and Parquet files have their pages.
    pub keys: Keys,
    /// How bytes become pages; the kind is for files of one page, records say it themselves.
    pub page: PageOptions,
    /// What becomes of records of web archives that cannot hold a page.
    pub passed_over: PassedOver,
    /// Bytes that were read from files so far, packed as they are; shared, for progress.
    pub bytes_read: Arc<AtomicU64>,
}

impl CorpusOptions {
    /// The most bytes that a record may have: four times as many as a page, and 16 MiB in any case.
    pub fn most_record_bytes(&self) -> usize {
        self.page
            .most_bytes
            .saturating_mul(RECORD_OF_PAGE)
            .max(LEAST_RECORD_BYTES)
    }
}

/// What becomes of records of web archives that cannot hold a page, such as requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PassedOver {
    /// They are counted and left out.
    #[default]
    Dropped,
    /// They are records without a page, so that the archive can be written with all that it has.
    HandedOn,
}

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// Its number from 1: the line of JSON lines, the record of an archive with all kinds counted, the row of a Parquet file.
    pub record: u64,
    /// Where it begins, in bytes of the unpacked file, for archives in gzip where its member begins in the packed file; `None` in a
    /// Parquet file, where a record has no single place.
    pub offset: Option<u64>,
}

impl Place {
    /// The file as a whole.
    fn whole(file: &Arc<Path>) -> Self {
        Self {
            file: Arc::clone(file),
            record: 1,
            offset: Some(0),
        }
    }

    /// An error that has this place.
    pub fn error(&self, problem: impl Into<String>) -> Error {
        Error::BadRecord {
            path: self.file.to_path_buf(),
            record: self.record,
            offset: self.offset,
            problem: problem.into(),
        }
    }

    /// The name of a page that has none of its own: the file and the record's number.
    fn id(&self) -> String {
        format!("{}:{}", self.file.display(), self.record)
    }
}

/// One record as it stands in its file.
#[derive(Debug)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// What stands there.
    pub content: Content,
    /// Where the bytes behind it begin, in the unpacked file; `None` for a file of one page, and for rows of Parquet files, which have no
    /// single place.
    pub end: Option<u64>,
}

/// What a record holds.
#[derive(Debug)]
pub enum Content {
    /// A file that is one page and was not read yet.
    File,
    /// The bytes of a page.
    Page(Vec<u8>),
    /// A JSON object, without its line end.
    Json(Vec<u8>),
    /// A record of a web archive.
    Warc(warc::WarcRecord),
    /// A row of a Parquet file.
    Row(parquet::Row),
    /// Another record of a web archive, as it stands there with its end.
    Other(Vec<u8>),
}

/// How many blocks of a page were kept and taken out, by label.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct BlockCounts {
    /// Blocks that are in the text.
    pub kept: BTreeMap<String, usize>,
    /// Blocks that are not.
    pub removed: BTreeMap<String, usize>,
}

/// The page of a record.
#[derive(Clone, Debug)]
pub struct RecordPage {
    /// The page; its id is the path of a file of one page, else the record's id, else file and number.
    pub page: Page,
    /// Its address, when the record says it.
    pub url: Option<String>,
}

impl Record {
    /// Whether the file is this one page.
    pub fn is_whole_file(&self) -> bool {
        matches!(self.content, Content::File | Content::Page(_))
    }

    /// Whether a page's text can be written in the form that the record has: text pages and JSON lines.
    pub fn has_text_form(&self, kind: PageKind) -> bool {
        match &self.content {
            Content::File | Content::Page(_) => kind == PageKind::Text,
            Content::Json(_) => true,
            Content::Warc(_) | Content::Row(_) | Content::Other(_) => false,
        }
    }

    /// A record of a web archive as it stands there, with the line ends that end it; `None` for other records.
    pub fn into_archived(self) -> Option<Vec<u8>> {
        match self.content {
            Content::Warc(record) => Some(record.into_bytes()),
            Content::Other(bytes) => Some(bytes),
            Content::File | Content::Page(_) | Content::Json(_) | Content::Row(_) => None,
        }
    }

    /// A record of a web archive, whose page has become this text, as it stands in an archive, with the line ends that end it; `None` for
    /// other records. See [`conversion`] for what is written.
    pub fn archived_with_text(&self, text: &str, counts: &BlockCounts) -> Option<Vec<u8>> {
        match &self.content {
            Content::Warc(record) => Some(record.with_text(text, counts)),
            Content::File | Content::Page(_) | Content::Json(_) | Content::Row(_) | Content::Other(_) => None,
        }
    }

    /// The record with another text and with counts of its blocks, without a line end; all else stays byte for byte. `None` for
    /// what is no JSON object.
    ///
    /// # Errors
    /// [`Error::BadRecord`] for a line that is no object.
    pub fn with_text(&self, keys: &Keys, text: &str, counts: &BlockCounts) -> Result<Option<String>> {
        match &self.content {
            Content::Json(line) => json_lines::with_text(line, &self.place, keys, text, counts).map(Some),
            Content::File | Content::Page(_) | Content::Warc(_) | Content::Row(_) | Content::Other(_) => Ok(None),
        }
    }

    /// Makes it a page; `None` for records of archives that hold no page, such as pictures and redirections.
    ///
    /// # Errors
    /// [`Error::BadRecord`] for what cannot be a page, [`Error::Read`] and [`Error::Changed`] for a file, those of [`Page::from_bytes`].
    pub fn page(&self, options: &CorpusOptions) -> Result<Option<RecordPage>> {
        let of_file = |bytes: &[u8]| {
            let id = self.place.file.display().to_string();
            let kind = options
                .page
                .kind
                .or_else(|| PageKind::of_name(unpacked_name(&self.place.file)));
            let page = Page::from_bytes(&id, bytes, &PageOptions { kind, ..options.page })?;
            Ok(Some(RecordPage { page, url: None }))
        };
        match &self.content {
            Content::File => of_file(&read_file(&self.place.file, options)?),
            Content::Page(bytes) => of_file(bytes),
            Content::Json(line) => json_lines::page(line, &self.place, options).map(Some),
            Content::Warc(record) => record.page(&self.place, &options.page),
            Content::Row(row) => row.page(&self.place, options).map(Some),
            Content::Other(_) => Ok(None),
        }
    }
}

/// The records of a file, in order; ends behind the file's last record, however many of them are bad.
pub struct Records(Box<dyn Iterator<Item = Result<Record>> + Send>);

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl Records {
    fn failed(error: Error) -> Self {
        Self(Box::new(std::iter::once(Err(error))))
    }

    /// The records of a file. What cannot be read is an item of its own.
    pub fn of_file(path: &Path, options: &CorpusOptions) -> Self {
        let file: Arc<Path> = Arc::from(path);
        match options.format.or_else(|| Format::of_name(path)) {
            Some(Format::Page) => Self::of_page(&file, Content::File),
            Some(Format::Parquet) => Self::of_parquet(&file, options),
            format @ (Some(Format::JsonLines | Format::Warc) | None) => match Watched::open(path) {
                Ok(watched) => {
                    let reader = watched.reader(options);
                    Self::of_bytes(&file, reader, format, options, Some(watched))
                }
                Err(error) => Self::failed(error),
            },
        }
    }

    /// The records of what a reader gives, under this name.
    pub fn of_reader(name: &Path, reader: impl Read + Send + 'static, options: &CorpusOptions) -> Self {
        let file: Arc<Path> = Arc::from(name);
        let reader = Counted {
            reader,
            count: Arc::clone(&options.bytes_read),
        };
        Self::of_bytes(&file, reader, options.format, options, None)
    }

    fn of_page(file: &Arc<Path>, content: Content) -> Self {
        let place = Place::whole(file);
        Self(Box::new(std::iter::once(Ok(Record {
            place,
            content,
            end: None,
        }))))
    }

    fn of_parquet(file: &Arc<Path>, options: &CorpusOptions) -> Self {
        let watched = match Watched::open(file) {
            Ok(watched) => watched,
            Err(error) => return Self::failed(error),
        };
        match parquet::Rows::new(file, options) {
            Ok(rows) => Self::watched(rows, Some(watched)),
            Err(error) => Self::failed(error),
        }
    }

    fn of_bytes(
        file: &Arc<Path>,
        reader: impl Read + Send + 'static,
        format: Option<Format>,
        options: &CorpusOptions,
        watched: Option<Watched>,
    ) -> Self {
        let failed = |source| {
            Self::failed(Error::Read {
                path: file.to_path_buf(),
                source,
            })
        };
        let mut window = match unpack(reader) {
            Ok(source) => Window::new(source),
            Err(source) => return failed(source),
        };
        let format = format.unwrap_or_else(|| Format::of_content(window.fill(SNIFF_BYTES)));
        match format {
            Format::Page => match read_page(window, file, options.page.most_bytes) {
                Ok(bytes) => Self::watched(Self::of_page(file, Content::Page(bytes)), watched),
                Err(error) => Self::failed(error),
            },
            Format::JsonLines => Self::watched(json_lines::Lines::new(file, window, options), watched),
            Format::Warc => Self::watched(warc::WarcReader::new(file, window, options), watched),
            Format::Parquet if watched.is_some() => Self::of_parquet(file, options),
            Format::Parquet => Self::failed(Error::Corpus {
                path: file.to_path_buf(),
                problem: "this is a Parquet file, which is read from its end; give the file and not a stream"
                    .to_owned(),
            }),
        }
    }

    /// Checks at the end that the file is what it was at the start.
    fn watched(records: impl Iterator<Item = Result<Record>> + Send + 'static, watched: Option<Watched>) -> Self {
        let mut watched = watched;
        let last = std::iter::from_fn(move || watched.take().and_then(|watched| watched.check().err()).map(Err));
        Self(Box::new(records.chain(last)))
    }
}

/// Reads a file of one page, unpacked.
fn read_file(path: &Path, options: &CorpusOptions) -> Result<Vec<u8>> {
    let watched = Watched::open(path)?;
    let source = unpack(watched.reader(options)).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let bytes = read_page(source, path, options.page.most_bytes)?;
    watched.check()?;
    Ok(bytes)
}

fn read_page(source: impl Source, path: &Path, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // one byte more than allowed tells a page that is too large, whatever its size
    source
        .take((most as u64).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
    check_size(&path.display().to_string(), bytes.len(), most)?;
    Ok(bytes)
}

/// A file with what it was when it was opened.
struct Watched {
    path: Arc<Path>,
    file: Arc<File>,
    before: Metadata,
}

impl Watched {
    fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?;
        Ok(Self {
            path: Arc::from(path),
            file: Arc::new(file),
            before,
        })
    }

    fn reader(&self, options: &CorpusOptions) -> Counted<Arc<File>> {
        Counted {
            reader: Arc::clone(&self.file),
            count: Arc::clone(&options.bytes_read),
        }
    }

    /// Whether length and time of the last change are still the same; of what is no file, such as a pipe, nothing is known.
    fn check(&self) -> Result<()> {
        let after = self.file.metadata().map_err(|source| Error::Read {
            path: self.path.to_path_buf(),
            source,
        })?;
        let is_same = after.len() == self.before.len() && after.modified().ok() == self.before.modified().ok();
        if is_same || !after.is_file() {
            return Ok(());
        }
        Err(Error::Changed {
            path: self.path.to_path_buf(),
        })
    }
}

/// A reader that counts.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(to)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
