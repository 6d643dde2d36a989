//! Labelled pages from disk: JSON lines to pages with gold, and gold matched to blocks.
//!
//! Gold is text and label, never block numbers, so a change to the segmenter cannot shift labels silently.

use crate::error::{Error, Result};
use crate::exchange::{Annotated, Found, ImportFormat, Importer, LeftOut, SpanText, begins_array, format_of_array};
use crate::label::{Label, LabelSet, is_valid_name};
use crate::page::{Page, PageKind};
use crate::segment::{Block, Segmented, Split, segment};
use imara_diff::{Algorithm, Diff, InternedInput};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A block with its label, as a person wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldBlock {
    /// The block's text; white space does not count.
    pub text: String,
    /// The label's name.
    pub label: String,
}

/// One labelled page, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldPage {
    /// Name of the page; the folder part of it is the site when there is no `url`.
    pub id: String,
    /// Kind of page (article, forum, shop ...), for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Address; its host is the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Language, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// The page as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The page as plain text; without it and without `html` the blocks are the page's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// All blocks in reading order.
    pub blocks: Vec<GoldBlock>,
    /// Keys that are none of these.
    #[serde(flatten, skip_serializing)]
    pub unknown: std::collections::BTreeMap<String, serde_json::Value>,
}

impl GoldPage {
    /// The site that the page belongs to: the host of its address, else the folder part of its id, else its id.
    pub fn site(&self) -> String {
        site_of(&self.id, self.url.as_deref())
    }

    /// The page as plain text: its `text`, else its blocks separated by blank lines.
    pub fn plain_text(&self) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None => self
                .blocks
                .iter()
                .map(|block| block.text.as_str())
                .collect::<Vec<_>>()
                .join("\n\n"),
        }
    }
}

/// The site of a page: the host of its address, else the folder part of its id, else its id.
pub(crate) fn site_of(id: &str, url: Option<&str>) -> String {
    let folder = || id.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    url.and_then(host).or_else(folder).unwrap_or_else(|| id.to_owned())
}

/// The host of an address, in lower case and without `www.`.
pub(crate) fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let host = host.strip_prefix("www.").map(str::to_owned).unwrap_or(host);
    (!host.is_empty()).then_some(host)
}

/// Labelled pages and what was found out while reading them.
#[derive(Debug, Default)]
pub struct Dataset {
    /// The pages, sorted by id, so that the order of files makes no difference.
    pub pages: Vec<GoldPage>,
    /// Name and SHA-256 of each file that was read, sorted by name.
    pub files: Vec<(String, String)>,
    /// Records that could not be used, each with file and line.
    pub errors: Vec<Error>,
    /// Keys that no page of this format has, with the first place of each.
    pub unknown_keys: std::collections::BTreeMap<String, String>,
    /// Ids of the pages that a training learns from and does not judge itself by.
    pub only_learned: BTreeSet<String>,
    /// Files of corrections that stood in the folders: they hold no pages, and nothing is applied by reading.
    pub corrections: Vec<PathBuf>,
    /// Files of the folders that could hold labelled pages by their names, and do not by what stands in them.
    pub passed_over: Vec<PathBuf>,
    /// How many records of annotation tools were left out, by file and reason.
    pub left_out: BTreeMap<(PathBuf, LeftOut), usize>,
}

/// What labelled pages are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// Lines of JSON, each a [`GoldPage`].
    Pages,
    /// Texts of an annotation tool.
    Annotations(ImportFormat),
}

impl DataFormat {
    /// Endings of the files of a folder that are read as this, without that of how they are packed.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Pages | Self::Annotations(ImportFormat::Prodigy | ImportFormat::Doccano) => &[LINES],
            Self::Annotations(ImportFormat::LabelStudio) => &[LINES, ARRAYS],
            Self::Annotations(ImportFormat::FastText) => &[TEXTS],
        }
    }
}

/// How labelled pages are read.
#[derive(Clone, Debug, Default)]
pub struct DataOptions {
    /// What the files hold; `None`: each is told by its first record. Of a folder's `.json` and `.txt` files those are read that
    /// begin with an annotation, of this format if there is one.
    pub format: Option<DataFormat>,
    /// The label of what no span marks in the texts of annotation tools; `None`: it has none.
    pub outside: Option<String>,
}

impl DataOptions {
    fn check(&self) -> Result<()> {
        match self.outside.as_deref().filter(|label| !is_valid_name(label)) {
            Some(label) => Err(Error::Option {
                option: "--outside",
                problem: format!("{label:?}; wanted a label, which holds no white space, `,` or `=`"),
            }),
            None => Ok(()),
        }
    }

    /// Whether a file of a folder is read, if it holds what its name says.
    fn reads(&self, file: &Path) -> bool {
        let endings = self.format.map_or(&ENDINGS[..], DataFormat::endings);
        endings.iter().any(|ending| ends_in(file, ending))
    }

    /// Whether a file that need not hold pages is read when it begins so.
    fn fits(&self, told: Option<DataFormat>) -> bool {
        told.is_some() && self.format.is_none_or(|format| Some(format) == told)
    }

    /// The names of a folder's files that are read, in words.
    fn wanted(&self) -> String {
        let endings = self.format.map_or(&ENDINGS[..], DataFormat::endings).iter();
        let packed = endings.flat_map(|ending| PACKINGS.map(|packing| format!("{ending}{packing}")));
        packed.collect::<Vec<_>>().join(" or ")
    }
}

/// Endings of files of JSON lines, of JSON arrays and of lines of text.
const LINES: &str = ".jsonl";
const ARRAYS: &str = ".json";
const TEXTS: &str = ".txt";

/// Endings of the files of a folder that can hold labelled pages.
const ENDINGS: [&str; 3] = [LINES, ARRAYS, TEXTS];

/// What such an ending can be followed by.
const PACKINGS: [&str; 3] = ["", ".gz", ".zst"];

/// Name, before its ending, of the file in a folder of labelled pages that holds corrections of them.
const CORRECTIONS: &str = "corrections";

impl Dataset {
    /// Reads files and folders of labelled pages, told by their content ([`DataOptions::default`]).
    ///
    /// # Errors
    /// As [`Dataset::read_as`].
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        Self::read_as(paths, &DataOptions::default())
    }

    /// Reads files and folders of labelled pages. A bad record is kept in [`Dataset::errors`] and the rest is read. A folder's file of
    /// corrections (`corrections.jsonl`) is not read, and named in [`Dataset::corrections`]; files that hold no labelled pages are
    /// named in [`Dataset::passed_over`].
    ///
    /// The texts of annotation tools become pages of plain text, and each of their blocks gets the label that most of its characters
    /// are marked with ([`SpanText::block_labels`]).
    ///
    /// # Errors
    /// [`Error::Read`] when a file or folder cannot be read, [`Error::Dataset`] when there is no file or no page, or an id stands twice,
    /// [`Error::Option`] when the label for what is not marked cannot be one.
    pub fn read_as(paths: &[PathBuf], options: &DataOptions) -> Result<Self> {
        options.check()?;
        let mut dataset = Self::default();
        let mut files: BTreeMap<PathBuf, Origin> = BTreeMap::new();
        for path in paths {
            if path.is_dir() {
                for file in files_in(path, |file| ENDINGS.iter().any(|ending| ends_in(file, ending)))? {
                    if holds_corrections(&file) {
                        dataset.corrections.push(file);
                    } else if options.reads(&file) {
                        files.entry(file).or_insert(Origin::Folder);
                    } else {
                        dataset.passed_over.push(file);
                    }
                }
            } else {
                files.insert(path.clone(), Origin::Named);
            }
        }
        if files.is_empty() {
            let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::Dataset {
                problem: format!("no file in {} ends in {}", names.join(", "), options.wanted()),
            });
        }
        for (file, origin) in &files {
            let must_hold_pages = *origin == Origin::Named || holds_lines(file);
            dataset.read_file(file, must_hold_pages, options)?;
        }
        dataset.sort()?;
        if dataset.pages.is_empty() && dataset.errors.is_empty() {
            return Err(dataset.no_page());
        }
        Ok(dataset)
    }

    /// Adds pages that a training learns from and does not judge itself by: the figures stay those of the pages that were there.
    ///
    /// # Errors
    /// As [`Dataset::read_as`].
    pub fn add_only_learned(&mut self, paths: &[PathBuf], options: &DataOptions) -> Result<()> {
        let more = Self::read_as(paths, options)?;
        self.only_learned.extend(more.pages.iter().map(|page| page.id.clone()));
        self.pages.extend(more.pages);
        self.files.extend(more.files);
        self.errors.extend(more.errors);
        self.unknown_keys.extend(more.unknown_keys);
        self.corrections.extend(more.corrections);
        self.passed_over.extend(more.passed_over);
        self.left_out.extend(more.left_out);
        self.sort()
    }

    fn no_page(&self) -> Error {
        let mut problem = "the files hold no page".to_owned();
        for ((file, reason), count) in &self.left_out {
            problem += &format!("; {}: records left out: {count} ({})", file.display(), reason.as_str());
        }
        if let Some(file) = self.passed_over.first() {
            problem += &format!(
                "; files without labelled pages: {}, such as {}",
                self.passed_over.len(),
                file.display()
            );
        }
        Error::Dataset { problem }
    }

    /// Sorts pages and files by their names.
    fn sort(&mut self) -> Result<()> {
        self.pages.sort_by(|a, b| a.id.cmp(&b.id));
        self.files.sort();
        self.passed_over.sort();
        match self.pages.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(Error::Dataset {
                problem: format!("the id {:?} stands twice; give each page its own", pair[0].id),
            }),
            None => Ok(()),
        }
    }

    /// Reads a file, or passes over one that need not hold pages and does not begin with one.
    fn read_file(&mut self, path: &Path, must_hold_pages: bool, options: &DataOptions) -> Result<()> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = PackedFile::read(path)?;
        let mut source = file.unpacked(path)?;
        let is_array = begins_array(source.fill_buf().map_err(failed)?);
        let is_read = if is_array && options.format != Some(DataFormat::Pages) {
            let mut bytes = Vec::new();
            source.read_to_end(&mut bytes).map_err(failed)?;
            self.read_array(path, &bytes, must_hold_pages, options)
        } else {
            self.read_records(path, source, must_hold_pages, options)?
        };
        if is_read {
            self.files.push((file_name(path), file.checksum()));
        } else {
            self.passed_over.push(path.to_owned());
        }
        Ok(())
    }

    /// Reads lines; says whether they are of labelled pages, or must be.
    fn read_records(
        &mut self,
        path: &Path,
        source: impl BufRead,
        must_hold_pages: bool,
        options: &DataOptions,
    ) -> Result<bool> {
        let name = file_name(path);
        let mut format = options.format;
        let mut importer = None;
        let mut is_read = must_hold_pages;
        for line in numbered_lines(source) {
            let (number, line) = line.map_err(|source| Error::Read {
                path: path.to_owned(),
                source,
            })?;
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
            if format.is_none() || !is_read {
                let told = ImportFormat::of_record(line).map(DataFormat::Annotations);
                if !is_read && !options.fits(told) {
                    return Ok(false);
                }
                is_read = true;
                format = format.or(told);
            }
            match format {
                Some(DataFormat::Annotations(format)) => importer
                    .get_or_insert_with(|| Importer::new(format, &name))
                    .line(number, line, |found| self.add_annotated(path, found, options)),
                Some(DataFormat::Pages) | None => match parse_page(line) {
                    Ok(page) => {
                        format = Some(DataFormat::Pages);
                        self.add_page(path, number, page);
                    }
                    Err(problem) => self.errors.push(record_error(path, number, problem)),
                },
            }
        }
        if let Some(importer) = importer {
            importer.end(|found| self.add_annotated(path, found, options));
        }
        Ok(is_read)
    }

    /// Reads a JSON array; says whether it is of annotated texts, or must be.
    fn read_array(&mut self, path: &Path, bytes: &[u8], must_hold_pages: bool, options: &DataOptions) -> bool {
        let told = format_of_array(bytes);
        if !must_hold_pages && !options.fits(told.clone().ok().flatten().map(DataFormat::Annotations)) {
            return false;
        }
        let unknown =
            "a JSON array of no annotated texts; wanted tasks of Label Studio, or labelled pages as JSON lines";
        let format = match options.format {
            Some(DataFormat::Annotations(format)) => Ok(format),
            Some(DataFormat::Pages) | None => told.and_then(|format| format.ok_or_else(|| unknown.to_owned())),
        };
        let format = match format {
            Ok(format) => format,
            Err(problem) => {
                self.errors.push(record_error(path, 1, problem));
                return true;
            }
        };
        let name = file_name(path);
        let read = Importer::new(format, &name).array(bytes, |found| self.add_annotated(path, found, options));
        if let Err(problem) = read {
            self.errors.push(record_error(path, 1, problem));
        }
        true
    }

    fn add_page(&mut self, path: &Path, number: usize, page: GoldPage) {
        for key in page.unknown.keys() {
            self.unknown_keys
                .entry(key.clone())
                .or_insert_with(|| format!("{}:{number}", path.display()));
        }
        self.pages.push(GoldPage {
            unknown: Default::default(),
            ..page
        });
    }

    fn add_annotated(&mut self, path: &Path, (number, found): Found, options: &DataOptions) {
        let text = match found {
            Ok(Annotated::Text(text)) => text,
            Ok(Annotated::LeftOut(reason)) => return self.leave_out(path, reason),
            Err(problem) => return self.errors.push(record_error(path, number, problem)),
        };
        let labelled = match text.block_labels(options.outside.as_deref()) {
            Ok(labelled) => labelled,
            Err(error) => return self.errors.push(error),
        };
        for problem in labelled.problems {
            let problem = format!("page {:?}: {problem}", text.id);
            self.errors.push(record_error(path, number, problem));
        }
        if labelled.blocks.is_empty() {
            return self.leave_out(path, LeftOut::NoLabel);
        }
        self.pages.push(annotated_page(text, labelled.blocks));
    }

    fn leave_out(&mut self, path: &Path, reason: LeftOut) {
        *self.left_out.entry((path.to_owned(), reason)).or_default() += 1;
    }

    /// The labels that stand in the pages.
    ///
    /// # Errors
    /// [`Error::Labels`] when they make no set.
    pub fn labels(&self) -> Result<LabelSet> {
        let names: BTreeSet<&str> = self
            .pages
            .iter()
            .flat_map(|page| &page.blocks)
            .map(|block| block.label.as_str())
            .collect();
        LabelSet::new(names)
    }
}

/// Where a file's path comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Named,
    Folder,
}

fn record_error(path: &Path, line: usize, problem: String) -> Error {
    Error::Record {
        path: path.to_owned(),
        line,
        problem,
    }
}

/// A page of the text of an annotation tool.
fn annotated_page(text: SpanText, blocks: Vec<(String, String)>) -> GoldPage {
    let blocks = blocks.into_iter().map(|(text, label)| GoldBlock { text, label });
    GoldPage {
        id: text.id,
        kind: None,
        url: text.url,
        lang: None,
        html: None,
        text: Some(text.text),
        blocks: blocks.collect(),
        unknown: BTreeMap::new(),
    }
}

/// What tells a labelled line from a labelled page.
#[derive(Deserialize)]
struct LabelledLine {
    #[serde(rename = "text")]
    _text: String,
    #[serde(rename = "label")]
    _label: String,
}

fn parse_page(line: &[u8]) -> Result<GoldPage, String> {
    let page: GoldPage = serde_json::from_slice(line).map_err(|error| {
        if serde_json::from_slice::<LabelledLine>(line).is_ok() {
            return "this is a line with its label, and labelled pages are wanted; give --per line, or --data-format doccano if it is a text of doccano".to_owned();
        }
        format!("no labelled page: {error}; wanted one JSON object with `id`, `blocks` and perhaps `url`, `lang`, `html` or `text`")
    })?;
    if page.html.is_some() && page.text.is_some() {
        return Err(format!(
            "page {:?} has both `html` and `text`; keep the one that the blocks were labelled on",
            page.id
        ));
    }
    if page.id.is_empty() {
        return Err("the `id` is empty; give each page its own".to_owned());
    }
    Ok(page)
}

/// Whether a file of this name is read from a folder of JSON lines.
pub fn holds_lines(path: &Path) -> bool {
    ends_in(path, LINES)
}

/// Whether a file's name ends so, packed or not.
fn ends_in(path: &Path, ending: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut names = PACKINGS.iter().filter_map(|packing| name.strip_suffix(packing));
    names.any(|name| name.ends_with(ending))
}

fn holds_corrections(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = name.strip_prefix(CORRECTIONS).and_then(|name| name.strip_prefix(LINES));
    ending.is_some_and(|packing| PACKINGS.contains(&packing))
}

/// The files of a folder and its folders that are wanted, in the order of their names.
///
/// # Errors
/// [`Error::Read`].
pub fn files_in(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::Read {
            path: error.path().unwrap_or(folder).to_owned(),
            source: error
                .into_io_error()
                .unwrap_or_else(|| std::io::Error::other("a loop of links")),
        })?;
        if entry.file_type().is_file() && is_wanted(entry.path()) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

/// A text's letters and digits in lower case, so that spaces and the kind of quotation marks make no difference.
pub(crate) fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Largest window of a Zstandard file, as a power of two (`zstd --long=27` writes up to 27).
const ZSTD_WINDOW: u32 = 27;

/// Hands over the lines of a file, plain, gzip or Zstandard, that are not empty, with their numbers from 1; gives the file's name
/// and SHA-256.
///
/// # Errors
/// [`Error::Read`].
pub fn read_lines(path: &Path, mut each: impl FnMut(usize, &[u8])) -> Result<(String, String)> {
    let file = PackedFile::read(path)?;
    for line in numbered_lines(file.unpacked(path)?) {
        let (number, line) = line.map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        each(number, &line);
    }
    Ok((file_name(path), file.checksum()))
}

/// Most bytes of a line, which is in memory as a whole (chosen: several times the largest page that is scored unless more is allowed).
const MOST_LINE_BYTES: usize = 1 << 28;

/// The lines that are not empty, with their numbers from 1. A line of too many bytes is a failure, and not read to its end.
fn numbered_lines(source: impl BufRead) -> impl Iterator<Item = std::io::Result<(usize, Vec<u8>)>> {
    (1..)
        .zip(lines_up_to(MOST_LINE_BYTES, source))
        .filter_map(|(number, line)| match line {
            Ok(line) if line.trim_ascii().is_empty() => None,
            line => Some(line.map(|line| (number, line))),
        })
}

fn lines_up_to(most: usize, mut source: impl BufRead) -> impl Iterator<Item = std::io::Result<Vec<u8>>> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        match source.by_ref().take(most as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.len() > most && !line.ends_with(b"\n") => {
                let problem = format!("a line has more than {most} bytes; split it first");
                Some(Err(std::io::Error::other(problem)))
            }
            Ok(_) => {
                line.truncate(line.strip_suffix(b"\n").unwrap_or(&line).len());
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A file's bytes, packed as they are.
struct PackedFile(Vec<u8>);

impl PackedFile {
    fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(bytes))
    }

    fn unpacked(&self, path: &Path) -> Result<Box<dyn BufRead + '_>> {
        let bytes = &self.0[..];
        Ok(if bytes.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(bytes)))
        } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let failed = |source| Error::Read {
                path: path.to_owned(),
                source,
            };
            let mut decoder = zstd::Decoder::new(bytes).map_err(failed)?;
            decoder.window_log_max(ZSTD_WINDOW).map_err(failed)?;
            Box::new(BufReader::new(decoder))
        } else {
            Box::new(bytes)
        })
    }

    /// SHA-256 in hexadecimal digits.
    fn checksum(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// A page's blocks with their gold labels.
#[derive(Debug)]
pub struct MatchedPage {
    /// Name of the page.
    pub id: String,
    /// The site that it belongs to.
    pub site: String,
    /// The blocks as they are at scoring.
    pub segmented: Segmented,
    /// The gold label of each block; `None` where gold has no such text.
    pub labels: Vec<Option<Label>>,
    /// Words of gold that do not stand in the blocks.
    pub unmatched_words: usize,
    /// Words of gold.
    pub gold_words: usize,
}

/// Share of a block's words that must be gold's for it to have a label (chosen: more than half).
const LEAST_MATCHED: f64 = 0.5;

/// Segments a page as at scoring and gives each block the label that most of its words have in gold, by aligned words.
///
/// # Errors
/// [`Error::UnknownLabel`] for a label that `labels` lacks, [`Error::Unmatched`] when more than the share `most_unmatched`
/// (0 to 1) of gold's words do not stand in the page.
pub fn match_gold(gold: &GoldPage, page: &Page, labels: &LabelSet, most_unmatched: f64) -> Result<MatchedPage> {
    let matched = match_blocks(gold, segment(page, Split::Auto), labels)?;
    let (unmatched, words) = (matched.unmatched_words, matched.gold_words);
    if unmatched as f64 > most_unmatched * words as f64 {
        return Err(Error::Unmatched {
            id: gold.id.clone(),
            unmatched,
            words,
            allowed: most_unmatched,
        });
    }
    Ok(matched)
}

/// Gives each block of a page, or of what is left of it, the label that most of its words have in gold, by aligned words.
pub(crate) fn match_blocks(gold: &GoldPage, segmented: Segmented, labels: &LabelSet) -> Result<MatchedPage> {
    let names: Vec<Label> = gold
        .blocks
        .iter()
        .map(|block| labels.parse(&block.label))
        .collect::<Result<_>>()?;
    let matching = Matching::new(&gold.blocks, &names, &segmented.blocks, labels.len());
    Ok(MatchedPage {
        id: gold.id.clone(),
        site: gold.site(),
        segmented,
        labels: matching.labels,
        unmatched_words: matching.unmatched,
        gold_words: matching.gold_words,
    })
}

/// The page that a labelled page is scored as: its HTML, else its text.
///
/// # Errors
/// [`Error::PageTooLarge`].
pub fn page_of(gold: &GoldPage) -> Result<Page> {
    match &gold.html {
        Some(html) => Page::from_text(&gold.id, html.clone(), Some(PageKind::Html)),
        None => Page::from_text(&gold.id, gold.plain_text(), Some(PageKind::Text)),
    }
}

struct Matching {
    labels: Vec<Option<Label>>,
    unmatched: usize,
    gold_words: usize,
}

impl Matching {
    fn new(gold: &[GoldBlock], names: &[Label], blocks: &[Block], label_count: usize) -> Self {
        let gold_words = words_of(gold.iter().map(|block| block.text.as_str()));
        let page_words = words_of(blocks.iter().map(|block| block.text.as_str()));
        let mut input: InternedInput<&str> = InternedInput::default();
        input.update_before(gold_words.iter().map(|(_, word)| *word));
        input.update_after(page_words.iter().map(|(_, word)| *word));
        let diff = Diff::compute(Algorithm::Histogram, &input);
        let mut votes = vec![0u32; blocks.len() * label_count];
        let mut words = vec![0u32; blocks.len()];
        for (block, _) in &page_words {
            words[*block] += 1;
        }
        let mut unmatched = 0;
        let mut kept = (0..page_words.len()).filter(|at| !diff.is_added(*at as u32));
        for (at, (gold_block, _)) in gold_words.iter().enumerate() {
            if diff.is_removed(at as u32) {
                unmatched += 1;
            } else if let Some(at) = kept.next() {
                votes[page_words[at].0 * label_count + names[*gold_block].index()] += 1;
            }
        }
        let labels = (0..blocks.len())
            .map(|block| {
                let votes = &votes[block * label_count..(block + 1) * label_count];
                let matched: u32 = votes.iter().sum();
                if words[block] == 0 || f64::from(matched) <= LEAST_MATCHED * f64::from(words[block]) {
                    return None;
                }
                // of equals the first in the labels' order
                let most = votes.iter().copied().max()?;
                votes
                    .iter()
                    .position(|count| *count == most)
                    .and_then(|at| u8::try_from(at).ok())
                    .map(Label)
            })
            .collect();
        Self {
            labels,
            unmatched,
            gold_words: gold_words.len(),
        }
    }
}

/// Words with the number of their block: runs of letters and digits, single ideographs, and each other mark.
fn words_of<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<(usize, &'t str)> {
    let mut words = Vec::new();
    for (block, text) in texts.enumerate() {
        let mut start: Option<usize> = None;
        for (at, c) in text.char_indices() {
            let joins = c.is_alphanumeric() && !('\u{2e80}'..='\u{9fff}').contains(&c);
            match (joins, start) {
                (true, None) => start = Some(at),
                (true, Some(_)) => {}
                (false, _) => {
                    if let Some(from) = start.take() {
                        words.push((block, &text[from..at]));
                    }
                    if !crate::segment::is_space(c) {
                        words.push((block, &text[at..at + c.len_utf8()]));
                    }
                }
            }
        }
        if let Some(from) = start {
            words.push((block, &text[from..]));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_too_many_bytes_is_a_failure_and_not_read_to_its_end() {
        let lines = |text: &'static str| {
            let found = lines_up_to(4, text.as_bytes()).take(3);
            found
                .map(|line| line.map_err(|error| error.to_string()))
                .collect::<Vec<_>>()
        };
        let read = |text: &str| Ok(text.as_bytes().to_vec());
        assert_eq!(lines("four\n\nx"), [read("four"), read(""), read("x")]);
        let problem = "a line has more than 4 bytes; split it first".to_owned();
        assert_eq!(lines("a\nfives\n")[..2], [read("a"), Err(problem)]);
    }

    fn gold(html: Option<&str>, blocks: &[(&str, &str)]) -> GoldPage {
        GoldPage {
            id: "site/page".to_owned(),
            kind: None,
            url: None,
            lang: None,
            html: html.map(str::to_owned),
            text: None,
            blocks: blocks
                .iter()
                .map(|(label, text)| GoldBlock {
                    text: (*text).to_owned(),
                    label: (*label).to_owned(),
                })
                .collect(),
            unknown: Default::default(),
        }
    }

    fn labels_of(gold: &GoldPage, most_unmatched: f64) -> Result<Vec<Option<u8>>> {
        let labels = LabelSet::new(["body", "promo"]).unwrap();
        let page = page_of(gold).unwrap();
        Ok(match_gold(gold, &page, &labels, most_unmatched)?
            .labels
            .into_iter()
            .map(|label| label.map(|label| label.0))
            .collect())
    }

    #[test]
    fn gold_is_matched_by_text_whatever_the_segmentation() {
        let page = gold(
            Some("<p>One two<p>three four<p>five"),
            &[("body", "One two three"), ("body", "four"), ("promo", "five")],
        );
        assert_eq!(labels_of(&page, 0.0).unwrap(), [Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn a_block_that_gold_lacks_has_no_label() {
        let page = gold(
            Some("<p>One two<p>extra words here<p>five"),
            &[("body", "One two"), ("promo", "five")],
        );
        assert_eq!(labels_of(&page, 0.0).unwrap(), [Some(0), None, Some(1)]);
    }

    #[test]
    fn gold_that_the_page_lacks_is_counted_and_refused() {
        let page = gold(
            Some("<p>One two"),
            &[("body", "One two"), ("promo", "three four five six")],
        );
        let message = labels_of(&page, 0.5).unwrap_err().to_string();
        assert!(message.contains("4 of 6 words"), "{message}");
        assert_eq!(labels_of(&page, 0.7).unwrap(), [Some(0)]);
    }

    #[test]
    fn without_html_the_blocks_are_the_text() {
        let page = gold(None, &[("body", "One two."), ("promo", "three")]);
        assert_eq!(labels_of(&page, 0.0).unwrap(), [Some(0), Some(1)]);
    }

    #[test]
    fn the_site_is_the_host_else_the_folder() {
        let mut page = gold(None, &[]);
        assert_eq!(page.site(), "site");
        page.url = Some("https://www.News.example:8080/a/b?c".to_owned());
        assert_eq!(page.site(), "news.example");
        page.url = None;
        page.id = "alone".to_owned();
        assert_eq!(page.site(), "alone");
    }

    fn read(content: &[u8], name: &str) -> Result<Dataset> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Dataset::read(&[folder.path().to_owned()])
    }

    const GOOD: &str = r#"{"id":"a","blocks":[{"text":"x","label":"body"}]}"#;

    #[test]
    fn a_bad_line_is_named_and_the_rest_is_read() {
        let dataset = read(
            format!("{GOOD}\n{{\"id\":3}}\n\n{}\n", GOOD.replace("\"a\"", "\"b\"")).as_bytes(),
            "x.jsonl",
        )
        .unwrap();
        assert_eq!(dataset.pages.len(), 2);
        assert_eq!(dataset.errors.len(), 1);
        assert!(
            dataset.errors[0].to_string().contains("x.jsonl:2: "),
            "{}",
            dataset.errors[0]
        );
    }

    #[test]
    fn unknown_keys_are_named_once_with_their_place() {
        let dataset = read(GOOD.replace("{\"id\"", "{\"lable\":1,\"id\"").as_bytes(), "x.jsonl").unwrap();
        assert!(dataset.unknown_keys["lable"].ends_with("x.jsonl:1"));
    }

    #[test]
    fn packed_files_are_read() {
        let packed = zstd::bulk::compress(GOOD.as_bytes(), 3).unwrap();
        assert_eq!(read(&packed, "x.jsonl.zst").unwrap().pages[0].id, "a");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, GOOD.as_bytes()).unwrap();
        assert_eq!(read(&gz.finish().unwrap(), "x.jsonl.gz").unwrap().pages[0].id, "a");
    }

    #[test]
    fn corrections_in_a_folder_are_no_pages() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("pages.jsonl", GOOD),
            ("corrections.jsonl", "{}"),
            ("corrections.jsonl.gz", "{}"),
        ] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let dataset = Dataset::read(&[folder.path().to_owned()]).unwrap();
        assert_eq!((dataset.pages.len(), dataset.errors.len()), (1, 0));
        assert_eq!(dataset.files.len(), 1);
        let names: Vec<_> = dataset.corrections.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["corrections.jsonl", "corrections.jsonl.gz"]);
        std::fs::write(
            folder.path().join("more-corrections.jsonl"),
            GOOD.replace("\"a\"", "\"b\""),
        )
        .unwrap();
        assert_eq!(Dataset::read(&[folder.path().to_owned()]).unwrap().pages.len(), 2);
        // a file that is named is read as what it is named as
        assert_eq!(
            Dataset::read(&[folder.path().join("corrections.jsonl")])
                .unwrap()
                .errors
                .len(),
            1
        );
    }

    #[test]
    fn an_id_that_stands_twice_is_refused() {
        assert!(
            read(format!("{GOOD}\n{GOOD}\n").as_bytes(), "x.jsonl")
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }

    #[test]
    fn pages_that_are_only_learned_are_marked_and_have_ids_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("more.jsonl");
        std::fs::write(&path, GOOD.replace("\"a\"", "\"0\"")).unwrap();
        let mut dataset = read(GOOD.as_bytes(), "x.jsonl").unwrap();
        let options = DataOptions::default();
        dataset.add_only_learned(std::slice::from_ref(&path), &options).unwrap();
        let ids: Vec<&str> = dataset.pages.iter().map(|page| page.id.as_str()).collect();
        assert_eq!(ids, ["0", "a"]);
        assert_eq!(dataset.only_learned, BTreeSet::from(["0".to_owned()]));
        assert_eq!(dataset.files.len(), 2);
        assert!(
            dataset
                .add_only_learned(&[path], &options)
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }

    /// Reads files that stand in a folder.
    fn read_folder(files: &[(&str, &str)], options: &DataOptions) -> Result<Dataset> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        Dataset::read_as(&[folder.path().to_owned()], options)
    }

    const TASKS: &str = r#"[
{"data":{"id":"news/a","url":"https://news.example/a","text":"One\n\ntwo 🎻\n\nthree"},"annotations":[{"result":[
  {"type":"labels","value":{"start":0,"end":3,"labels":["body"]}},{"type":"labels","value":{"start":5,"end":10,"labels":["promo"]}}]}]},
{"data":{"text":"x"},"annotations":[{"result":[{"type":"labels","value":{"start":0,"end":9,"labels":["body"]}}]}]},
{"data":{"text":"x"},"annotations":[],"predictions":[{"result":[]}]},
{"data":{"text":"x"},"annotations":[{"result":[]}]}]"#;
    const SPANS: &str = r#"{"text":"One","spans":[{"start":0,"end":3,"label":"body"}],"answer":"accept"}"#;
    const FAST_TEXT: &str = "__label__body One\n__label__promo two\n\n__label__body three\n";

    fn names(paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| file_name(path)).collect()
    }

    #[test]
    fn annotations_are_told_by_their_first_record_and_other_files_of_a_folder_are_passed_over() {
        let files = [
            ("a.json", TASKS),
            ("b.jsonl", SPANS),
            ("c.txt", FAST_TEXT),
            ("d.jsonl", GOOD),
            ("notes.txt", "One two\n"),
            ("package.json", "{\n \"name\": \"x\"}\n"),
            ("list.json", "[1, 2]"),
            ("empty.txt", ""),
        ];
        let dataset = read_folder(&files, &DataOptions::default()).unwrap();
        let ids: Vec<&str> = dataset.pages.iter().map(|page| page.id.as_str()).collect();
        assert_eq!(ids, ["a", "b.jsonl:1", "c.txt:1", "c.txt:4", "news/a"]);
        assert_eq!(
            names(&dataset.passed_over),
            ["empty.txt", "list.json", "notes.txt", "package.json"]
        );
        assert_eq!(dataset.files.len(), 4);
        let page = &dataset.pages[4];
        assert_eq!(page.site(), "news.example");
        assert_eq!(page.text.as_deref(), Some("One\n\ntwo 🎻\n\nthree"));
        assert_eq!(labels_of(page, 0.0).unwrap(), [Some(0), Some(1), None]);
    }

    #[test]
    fn a_bad_task_is_named_with_its_line_and_the_rest_is_read() {
        let dataset = read_folder(&[("a.json", TASKS)], &DataOptions::default()).unwrap();
        assert_eq!(dataset.pages.len(), 1);
        let message = dataset.errors[0].to_string();
        assert!(message.contains("a.json:4: item 2: a span"), "{message}");
        let left_out: Vec<_> = dataset
            .left_out
            .iter()
            .map(|((_, reason), count)| (*reason, *count))
            .collect();
        assert_eq!(left_out, [(LeftOut::NotAnnotated, 1), (LeftOut::NoLabel, 1)]);
    }

    #[test]
    fn what_is_not_marked_can_have_a_label() {
        let outside = |label: &str| DataOptions {
            outside: Some(label.to_owned()),
            ..DataOptions::default()
        };
        let dataset = read_folder(&[("a.json", TASKS)], &outside("body")).unwrap();
        assert_eq!(dataset.pages.len(), 2);
        assert_eq!(labels_of(&dataset.pages[1], 0.0).unwrap(), [Some(0), Some(1), Some(0)]);
        let message = read_folder(&[("a.json", TASKS)], &outside("no label"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("--outside: \"no label\""), "{message}");
    }

    #[test]
    fn a_block_with_two_labels_is_named_and_the_page_is_used() {
        let twice = SPANS.replace("One\"", "One\\n\\ntwo\"").replace(
            "}]",
            r#"},{"start":5,"end":8,"label":"body"},{"start":5,"end":8,"label":"promo"}]"#,
        );
        let dataset = read(twice.as_bytes(), "x.jsonl").unwrap();
        let message = dataset.errors[0].to_string();
        assert!(
            message.contains("x.jsonl:1: page \"x.jsonl:1\": the block \"two\" is marked as body and as promo"),
            "{message}"
        );
        assert_eq!(dataset.pages[0].blocks.len(), 1);
    }

    #[test]
    fn a_format_that_is_given_says_what_a_folder_s_files_are() {
        let files = [
            ("a.json", TASKS),
            ("b.jsonl", SPANS),
            ("c.txt", "__label__body One\n"),
            ("d.txt", "One\n"),
        ];
        for (format, wanted, passed_over) in [
            (ImportFormat::FastText, "c.txt:1", ["a.json", "b.jsonl", "d.txt"]),
            (ImportFormat::Prodigy, "b.jsonl:1", ["a.json", "c.txt", "d.txt"]),
        ] {
            let options = DataOptions {
                format: Some(DataFormat::Annotations(format)),
                ..DataOptions::default()
            };
            let dataset = read_folder(&files, &options).unwrap();
            assert_eq!(dataset.pages[0].id, wanted);
            assert_eq!(names(&dataset.passed_over), passed_over);
        }
        let options = DataOptions {
            format: Some(DataFormat::Pages),
            ..DataOptions::default()
        };
        let dataset = read_folder(&files, &options).unwrap();
        assert!(dataset.errors[0].to_string().contains("b.jsonl:1: no labelled page"));
        let message = read_folder(&files[..1], &options).unwrap_err().to_string();
        assert!(
            message.ends_with("ends in .jsonl or .jsonl.gz or .jsonl.zst"),
            "{message}"
        );
    }

    #[test]
    fn a_labelled_line_is_no_labelled_page_and_no_text_of_doccano() {
        let line = br#"{"text":"Council approves budget","label":"news"}"#;
        assert_eq!(ImportFormat::of_record(line), None);
        let labels_in_a_list = br#"{"text":"Council approves budget","label":["news"]}"#;
        assert_eq!(ImportFormat::of_record(labels_in_a_list), Some(ImportFormat::Doccano));
        assert!(parse_page(line).unwrap_err().contains("--per line"));
    }

    #[test]
    fn a_file_is_told_by_the_first_line_that_tells() {
        let dataset = read(format!("\u{feff}{{\n{SPANS}\n").as_bytes(), "x.jsonl").unwrap();
        assert_eq!((dataset.pages.len(), dataset.errors.len()), (1, 1));
        let dataset = read(format!("{GOOD}\n{SPANS}\n").as_bytes(), "x.jsonl").unwrap();
        assert_eq!((dataset.pages.len(), dataset.errors.len()), (1, 1));
    }

    #[test]
    fn an_array_that_must_hold_pages_and_does_not_is_an_error() {
        for (array, wanted) in [
            ("[1]", "a JSON array of no annotated texts"),
            ("[{\"data\":{\"text\":\"x\"},", "no JSON array: EOF"),
        ] {
            let dataset = read(array.as_bytes(), "x.jsonl").unwrap();
            let message = dataset.errors[0].to_string();
            assert!(message.contains("x.jsonl:1: ") && message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn when_no_page_is_left_it_is_said_why() {
        let files = [
            ("a.jsonl", r#"{"text":"x","spans":[],"answer":"reject"}"#),
            ("notes.txt", "x"),
        ];
        let message = read_folder(&files, &DataOptions::default()).unwrap_err().to_string();
        assert!(
            message.contains("a.jsonl: records left out: 1 (answered with reject or ignore); files without labelled pages: 1, such as"),
            "{message}"
        );
    }

    #[test]
    fn a_folder_without_pages_is_an_error() {
        assert!(read(b"", "x.csv").is_err());
        assert!(read(b"", "x.jsonl").is_err());
    }
}
