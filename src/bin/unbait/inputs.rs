//! Paths to pages: files, folders and standard input, read as a stream, in parallel, with results in the order of the inputs.
//!
//! A record that is bad is named, on standard error or in a file, and the others go on.

use crate::Outcome;
use crate::errors::BadRecords;
use crate::journal::{At, DoneInputs, Journal};
use crate::output::{Unfinished, note, output_path};
use crate::progress::Progress;
use crate::size::Size;
use crate::workers::{self, Next};
use clap::ValueEnum;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use unbait::classifier::Classifier;
use unbait::corpus::{
    Content, CorpusOptions, Format, Keys, PassedOver, Place, Record, RecordPage, Records, unpacked_name,
};
use unbait::error::{Error, Result};
use unbait::line_classifier::LineClassifier;
use unbait::page::{MOST_PAGE_BYTES, Page, PageKind, PageOptions, USUAL_MOST_BYTES, encoding_by_name};
use unbait::segment::Split;

/// Standard input as a path.
pub const STDIN: &str = "-";

/// What is read of a folder, in words.
const WANTED: &str = "text, HTML, JSON lines, WARC and Parquet files, or files without an ending";

/// Which pages are read.
#[derive(Clone, clap::Args)]
pub struct PathArgs {
    /// Files, folders, or - for standard input (also when nothing is given). Pages (.txt, .text, .md, .html, .htm, .xhtml, .shtml),
    /// JSON lines (.jsonl, .ndjson, .json), web archives (.warc, .wet) and Parquet files (.parquet), all but the last also packed
    /// (.gz, .zst, .bz2, .xz); other names are told by content. Of folders, files with these endings (but no .json as it is) and
    /// files without one are read, in the order of their names; hidden files and links are not
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Of folders, read the files whose name, or path in the folder when this has a slash, is like this, such as '*.jsonl.gz' or
    /// '2024/**/*.html', whatever their endings; can be given several times
    #[arg(long, value_name = "PATTERN")]
    glob: Vec<String>,
    /// Key of JSON lines, or column of Parquet files, that has the page as text
    #[arg(long, value_name = "KEY", default_value_t = Keys::default().text)]
    text_key: String,
    /// Key or column that has the page as HTML, which is read in place of the text
    #[arg(long, value_name = "KEY")]
    html_key: Option<String>,
    /// Key or column that has the page's name; without it in a record: the file and the record's number
    #[arg(long, value_name = "KEY", default_value_t = Keys::default().id)]
    id_key: String,
    /// Write bad records to this file and not to standard error: JSON lines with file, record (its number from 1, of JSON lines the
    /// line), offset (in bytes; of .warc.gz where the record's member begins) and reason
    #[arg(long, value_name = "FILE", value_parser = output_path())]
    errors: Option<PathBuf>,
    /// Stop at the first bad record; an output file is not written then
    #[arg(long)]
    strict: bool,
    /// Number of threads; without it as many as there are processors
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// How pages are read and by which model they are labelled.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// Read every file as this; without it the name's ending decides, then the content
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<KindName>,
    /// Encoding of every page, such as windows-1252; without it: byte order mark, UTF-8, what the page declares, a guess
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// What separates the blocks of a text page: blank lines, every line end, or whichever the page uses
    #[arg(long, value_enum, value_name = "HOW", default_value_t = SplitName::Auto)]
    split: SplitName,
    /// Largest page that is read, in bytes once it is unpacked, such as 500K, 64M or 1G; a larger one is an error, and unpacking stops
    /// there. A record of JSON lines or a web archive may have four times as many. On each thread a page takes up to 200 times its size of
    /// memory, and 200 MB besides
    #[arg(long, value_name = "SIZE", value_parser = page_size, default_value_t = Size(USUAL_MOST_BYTES))]
    max_page_size: Size,
    /// Model of pages' blocks: a file, or the built-in `blocks`
    #[arg(long, value_name = "MODEL", default_value = BLOCKS)]
    model: PathBuf,
}

/// Name of the built-in model of pages' blocks.
pub const BLOCKS: &str = "blocks";

/// Name of the built-in model of lines.
pub const CLICKBAIT: &str = "clickbait";

#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    /// A page of HTML
    Html,
    /// A page of plain text
    Text,
    /// JSON lines
    Jsonl,
    /// A web archive, WARC or WET
    #[value(alias = "wet")]
    Warc,
    /// A Parquet file
    Parquet,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    Blank,
    Line,
    Auto,
}

impl ReadArgs {
    /// How files are read.
    pub fn options(&self) -> Result<CorpusOptions> {
        let (format, kind) = match self.kind {
            None => (None, None),
            Some(KindName::Html) => (Some(Format::Page), Some(PageKind::Html)),
            Some(KindName::Text) => (Some(Format::Page), Some(PageKind::Text)),
            Some(KindName::Jsonl) => (Some(Format::JsonLines), None),
            Some(KindName::Warc) => (Some(Format::Warc), None),
            Some(KindName::Parquet) => (Some(Format::Parquet), None),
        };
        let encoding = self.encoding.as_deref().map(encoding_by_name).transpose()?;
        Ok(CorpusOptions {
            format,
            page: PageOptions {
                kind,
                encoding,
                most_bytes: self.max_page_size.0,
            },
            ..CorpusOptions::default()
        })
    }

    /// How text pages are split.
    pub fn split(&self) -> Split {
        match self.split {
            SplitName::Blank => Split::Blank,
            SplitName::Line => Split::Line,
            SplitName::Auto => Split::Auto,
        }
    }

    /// The model.
    pub fn classifier(&self) -> Result<Classifier> {
        read_model(&self.model)
    }
}

/// Parses the size of a page.
fn page_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    match size.0 {
        1..=MOST_PAGE_BYTES => Ok(size),
        _ => Err(format!("wanted 1 to {}", Size(MOST_PAGE_BYTES))),
    }
}

/// Reads a model of pages' blocks from a file, or takes the built-in one.
pub fn read_model(path: &Path) -> Result<Classifier> {
    match path.to_str() {
        Some(BLOCKS) => Classifier::shipped(),
        Some(CLICKBAIT) => Classifier::from_bytes(CLICKBAIT, &LineClassifier::clickbait()?.to_bytes()?),
        Some(_) | None => Classifier::from_bytes(&path.display().to_string(), &model_bytes(path)?),
    }
}

/// Reads a model of lines from a file, or takes the built-in one.
pub fn read_line_model(path: &Path) -> Result<LineClassifier> {
    match path.to_str() {
        Some(CLICKBAIT) => LineClassifier::clickbait(),
        Some(BLOCKS) => LineClassifier::from_bytes(BLOCKS, &Classifier::shipped()?.to_bytes()?),
        Some(_) | None => LineClassifier::from_bytes(&path.display().to_string(), &model_bytes(path)?),
    }
}

fn model_bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// What there is to say about bytes that could not be read, if there were any.
pub fn unreadable_bytes(page: &Page) -> Option<String> {
    let name = page.encoding.name();
    page.had_errors.then(|| {
        format!(
            "{}: some bytes are no {name} and stand as U+FFFD; name the right --encoding",
            page.id
        )
    })
}

/// Reads a file of one page; `-` is standard input.
pub fn read_page(path: &Path, options: &CorpusOptions) -> Result<Page> {
    let options = match options.format {
        Some(Format::JsonLines | Format::Warc | Format::Parquet) => {
            return Err(Error::Option {
                option: "--as",
                problem: "this verb reads one page; wanted html or text".to_owned(),
            });
        }
        Some(Format::Page) | None => CorpusOptions {
            format: Some(Format::Page),
            ..options.clone()
        },
    };
    let page = records_of(path, &options)
        .next()
        .transpose()?
        .map(|record| record.page(&options))
        .transpose()?;
    match page.flatten() {
        Some(page) => Ok(page.page),
        None => Err(Error::Corpus {
            path: path.to_owned(),
            problem: "this holds no page".to_owned(),
        }),
    }
}

fn records_of(path: &Path, options: &CorpusOptions) -> Records {
    if path.as_os_str() == STDIN {
        Records::of_reader(path, std::io::stdin(), options)
    } else {
        Records::of_file(path, options)
    }
}

/// The result for a page, and what there is to say about it.
pub struct Worked<T> {
    /// The result.
    pub result: T,
    /// Said with the page's id, or counted when pages are records of a file.
    pub remark: Option<&'static str>,
}

/// Takes results in the order of the inputs.
pub trait Taker<T> {
    /// What is known of the results when the run can be gone on with.
    type Saved: Serialize + DeserializeOwned + Default + Clone + Send;

    /// The results of this input follow.
    ///
    /// # Errors
    /// When the input's results cannot be written.
    fn begin(&mut self, input: &Path) -> Result<()>;

    /// Takes the result of a record.
    ///
    /// # Errors
    /// When it cannot be written.
    fn take(&mut self, result: T) -> Result<()>;

    /// Takes a record of a web archive without a page, as it stands there, when such records are handed on.
    ///
    /// # Errors
    /// When it cannot be written.
    fn hand_on(&mut self, _record: &[u8]) -> Result<()> {
        Ok(())
    }

    /// The input is done, and `is_whole` unless it could not be read (to its end); where its results stand, if they are a file of their
    /// own.
    ///
    /// # Errors
    /// When it cannot be written.
    fn end(&mut self, input: &Path, is_whole: bool) -> Result<Option<PathBuf>>;

    /// Hands over everything that was taken so far; `behind` is where in the input, in unpacked bytes, the last record ends, unless
    /// the input is done.
    ///
    /// # Errors
    /// When it cannot be written.
    fn checkpoint(&mut self, behind: Option<u64>) -> Result<Self::Saved>;

    /// Whether each checkpoint makes what is written longer, because it is packed in members.
    fn is_packed(&self) -> bool;

    /// Whether results are written to standard output as they are taken.
    fn writes_to_stdout(&self) -> bool;

    /// Whether there can be a checkpoint behind a record; else an input that is not done is begun again.
    fn stops_within(&self) -> bool {
        true
    }
}

/// Takes results by a function.
struct Function<F>(F);

impl<T, F: FnMut(T) -> Result<()>> Taker<T> for Function<F> {
    type Saved = ();

    fn begin(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn take(&mut self, result: T) -> Result<()> {
        (self.0)(result)
    }

    fn end(&mut self, _: &Path, _: bool) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    fn checkpoint(&mut self, _: Option<u64>) -> Result<()> {
        Ok(())
    }

    fn is_packed(&self) -> bool {
        false
    }

    fn writes_to_stdout(&self) -> bool {
        false
    }
}

/// What is read of the inputs.
enum Item {
    Begin(PathBuf),
    Record(Result<Record>),
    /// A record that an earlier run has done.
    Passed,
    End(PathBuf),
}

/// What became of it.
enum Handled<T> {
    Begin(PathBuf),
    Record(HandledRecord<T>),
    Passed,
    End(PathBuf),
}

/// What became of a record.
struct HandledRecord<T> {
    place: Option<Place>,
    /// Where it ends, in bytes of the unpacked file, when there can be a checkpoint.
    behind: Option<u64>,
    is_whole_file: bool,
    result: Result<Handed<T>>,
}

/// A page with its result, or what there was instead.
enum Handed<T> {
    Found(Found<T>),
    /// A record without a page, as it stands in its archive when it is handed on.
    WithoutPage(Option<Vec<u8>>),
}

/// A page with its result.
struct Found<T> {
    id: String,
    bytes: usize,
    worked: Worked<T>,
    unreadable_bytes: Option<String>,
}

/// What is said when a record's bytes could not be read.
const UNREADABLE: &str = "some bytes are no text in the record's encoding and stand as U+FFFD";

/// Bytes of pages between two checkpoints within an input (chosen: less than a second of work, and packed output is hardly larger).
const CHECKPOINT_BYTES: usize = 1 << 20;

/// Bytes that a record counts for besides those of its page (chosen: about what its result takes).
const RECORD_BYTES: usize = 1 << 10;

/// How many records there were.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Counts {
    done: u64,
    /// Bad records.
    pub failed: u64,
    /// Records that hold no page.
    pub without_page: u64,
    has_corpus: bool,
    remarks: BTreeMap<String, u64>,
}

/// What is known at a checkpoint.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Saved<S> {
    counts: Counts,
    /// Bytes of the file of bad records.
    errors: u64,
    /// What the taker knows.
    pub taker: S,
}

/// How an earlier run ended, if it was at its end.
pub fn outcome_of_finished<S>(journal: &Journal<Saved<S>>) -> Option<Outcome>
where
    S: Serialize + DeserializeOwned + Default + Clone,
{
    journal.is_finished().then(|| {
        note("everything was done already (--resume)");
        journal.at().saved.counts.outcome(false)
    })
}

/// Whether standard input is among the paths.
pub fn reads_stdin(paths: &[PathBuf]) -> bool {
    paths.is_empty() || paths.iter().any(|path| path.as_os_str() == STDIN)
}

/// Reads all pages, has each one worked on in parallel, and hands the results over in the order of the inputs; how it ended, and how
/// many records there were.
///
/// # Errors
/// [`Error::Option`] when the paths lead to no file; [`Error::Changed`]; those of `take`. What `work` fails with is a bad record.
pub fn for_each_page<T: Send>(
    args: &PathArgs,
    options: &CorpusOptions,
    work: impl Fn(&Record, RecordPage) -> Result<Worked<T>> + Sync,
    take: impl FnMut(T) -> Result<()>,
) -> Result<(Outcome, Counts)> {
    let ended = for_each_page_into(args, options, work, &mut Function(take), None)?;
    Ok((ended.outcome, ended.counts))
}

/// How a run ended; its results may have no names yet.
pub struct Ended<S> {
    /// What became of its inputs.
    pub outcome: Outcome,
    counts: Counts,
    journal: Option<(Journal<S>, At<S>)>,
}

impl<S: Serialize + DeserializeOwned + Default + Clone> Ended<S> {
    /// The results have their names, if they are whole: there is nothing left to go on with then.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<Outcome> {
        if let Some((mut journal, at)) = self.journal.filter(|_| self.outcome.is_whole()) {
            journal.finish(at)?;
        }
        Ok(self.outcome)
    }
}

/// The same with a taker, from where the journal says that an earlier run was.
///
/// # Errors
/// As [`for_each_page`], and [`Error::Option`] when the inputs that are done have changed since then.
pub fn for_each_page_into<T: Send, K: Taker<T>>(
    args: &PathArgs,
    options: &CorpusOptions,
    work: impl Fn(&Record, RecordPage) -> Result<Worked<T>> + Sync,
    taker: &mut K,
    journal: Option<Journal<Saved<K::Saved>>>,
) -> Result<Ended<Saved<K::Saved>>> {
    let options = CorpusOptions {
        keys: args.keys(),
        ..options.clone()
    };
    let wanted = Wanted::new(&args.glob)?;
    let progress = Progress::new(
        || total_bytes(&args.paths, &wanted),
        &options.bytes_read,
        taker.writes_to_stdout(),
    );
    let mut run = Run::new(args, taker, journal, progress)?;
    let mut inputs = Inputs {
        options: &options,
        passed: run.at.inputs,
        passed_records: run.at.records,
        done: run.journal.as_mut().map(Journal::take_done),
        journal: run.journal.as_ref().map(|journal| journal.path().to_owned()),
    };
    let items = files_of(&args.paths, &wanted).flat_map(|path| inputs.items(path));
    let handle = |item: Item| handle(item, &options, &work);
    workers::in_order(workers::count(args.threads), items, size, handle, |handled| {
        run.take(handled)
    })?;
    if let (Some(done), Some(journal)) = (&inputs.done, &inputs.journal) {
        done.check_end(journal)?;
    }
    run.end()
}

/// The inputs as they are read.
struct Inputs<'a> {
    options: &'a CorpusOptions,
    /// Inputs that are left to be passed over.
    passed: u64,
    /// Records of the input behind them to be passed over.
    passed_records: u64,
    /// The inputs that are passed over, as they were.
    done: Option<DoneInputs>,
    journal: Option<PathBuf>,
}

impl Inputs<'_> {
    fn items(&mut self, path: Result<PathBuf>) -> Box<dyn Iterator<Item = Item> + Send> {
        let (path, records) = match path {
            Ok(path) => (path, None),
            Err(Error::Read { path, source }) => (path.clone(), Some(Error::Read { path, source })),
            Err(error) => return Box::new(std::iter::once(Item::Record(Err(error)))),
        };
        if self.passed > 0 {
            self.passed -= 1;
            return self.pass(&path);
        }
        let records: Box<dyn Iterator<Item = Result<Record>> + Send> = match records {
            Some(error) => Box::new(std::iter::once(Err(error))),
            None => Box::new(records_of(&path, self.options)),
        };
        let passed = std::mem::take(&mut self.passed_records);
        let records = records.enumerate().map(move |(i, record)| match record {
            // a fault of the file as a whole, such as that it changed, is none of a record
            Ok(_) | Err(Error::BadRecord { .. }) if (i as u64) < passed => Item::Passed,
            record => Item::Record(record),
        });
        let begin = std::iter::once(Item::Begin(path.clone()));
        Box::new(begin.chain(records).chain(std::iter::once(Item::End(path))))
    }

    /// Checks that an input that is done is what it was.
    fn pass(&mut self, path: &Path) -> Box<dyn Iterator<Item = Item> + Send> {
        if let (Some(done), Some(journal)) = (&mut self.done, &self.journal)
            && let Err(error) = done.check(path, journal)
        {
            return Box::new(std::iter::once(Item::Record(Err(error))));
        }
        let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        self.options.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        Box::new(std::iter::once(Item::Passed))
    }
}

/// A run over the inputs, as far as it is.
struct Run<'a, K, S> {
    args: &'a PathArgs,
    taker: &'a mut K,
    bad: BadRecords,
    journal: Option<Journal<Saved<S>>>,
    progress: Progress,
    counts: Counts,
    /// How far it is.
    at: At<()>,
    /// The last checkpoint.
    last: At<Saved<S>>,
    /// Bytes of pages since the last checkpoint.
    bytes: usize,
    /// Whether the journal has a checkpoint within the input.
    is_within: bool,
    /// Whether the input could be read so far.
    is_whole: bool,
    stopped: bool,
}

impl<'a, S: Serialize + DeserializeOwned + Default + Clone, K> Run<'a, K, S> {
    fn new(
        args: &'a PathArgs,
        taker: &'a mut K,
        journal: Option<Journal<Saved<S>>>,
        progress: Progress,
    ) -> Result<Self> {
        let begun = journal.as_ref().map(|journal| journal.at().clone());
        let unfinished = Unfinished::of(begun.as_ref(), |saved| saved.errors);
        let last = begun.unwrap_or_default();
        Ok(Self {
            args,
            taker,
            bad: BadRecords::new(args.errors.as_deref(), unfinished)?,
            journal,
            progress,
            counts: last.saved.counts.clone(),
            is_within: last.records > 0,
            is_whole: true,
            at: last.of(|_| ()),
            last,
            bytes: 0,
            stopped: false,
        })
    }

    fn take<T>(&mut self, handled: Handled<T>) -> Result<Next>
    where
        K: Taker<T, Saved = S>,
    {
        match handled {
            Handled::Begin(path) => {
                self.is_whole = true;
                self.taker.begin(&path)?;
            }
            Handled::Passed => self.progress.advance(),
            Handled::Record(record) => return self.take_record(record),
            Handled::End(path) => self.end_input(&path)?,
        }
        Ok(Next::On)
    }

    fn end_input<T>(&mut self, path: &Path) -> Result<()>
    where
        K: Taker<T, Saved = S>,
    {
        if self.is_within {
            // what is there of its file is about to get its name
            self.checkpoint(None, true)?;
        }
        let output = self.taker.end(path, self.is_whole)?;
        self.at.inputs += 1;
        self.at.records = 0;
        self.is_within = false;
        if let Some(journal) = &mut self.journal {
            journal.add_done(path, output.as_deref())?;
        }
        if self.bytes >= CHECKPOINT_BYTES || !self.taker.is_packed() {
            self.checkpoint(None, false)?;
        }
        Ok(())
    }

    fn take_record<T>(&mut self, handled: HandledRecord<T>) -> Result<Next>
    where
        K: Taker<T, Saved = S>,
    {
        self.progress.advance();
        self.at.records += 1;
        self.bytes += RECORD_BYTES;
        self.counts.has_corpus |= !handled.is_whole_file;
        match handled.result {
            Ok(Handed::Found(found)) => {
                self.counts.done += 1;
                self.bytes += found.bytes;
                self.taker.take(found.worked.result)?;
                self.counts.remark(
                    &self.progress,
                    handled.is_whole_file,
                    &found.id,
                    found.worked.remark,
                    found.unreadable_bytes,
                );
            }
            Ok(Handed::WithoutPage(record)) => {
                self.counts.without_page += 1;
                if let Some(record) = record {
                    self.bytes += record.len();
                    self.taker.hand_on(&record)?;
                }
            }
            Err(error @ (Error::Changed { .. } | Error::Option { .. })) => return Err(error),
            Err(error) => {
                self.counts.failed += 1;
                self.is_whole &= matches!(error, Error::BadRecord { .. });
                let (place, strict) = (handled.place.as_ref(), self.args.strict);
                let bad = &mut self.bad;
                self.progress
                    .pause(|| bad.add(place, handled.is_whole_file, &error, strict))?;
                if strict {
                    self.stopped = true;
                    return Ok(Next::Stop);
                }
            }
        }
        if self.bytes >= CHECKPOINT_BYTES && handled.behind.is_some() && self.taker.stops_within() {
            self.checkpoint(handled.behind, false)?;
            self.is_within = true;
        }
        Ok(Next::On)
    }

    /// Makes that the run can go on from here. Without a journal too: where packed files have their members is to be the same.
    fn checkpoint<T>(&mut self, behind: Option<u64>, is_ending: bool) -> Result<()>
    where
        K: Taker<T, Saved = S>,
    {
        let at = self.at(behind, is_ending)?;
        self.last = at.clone();
        match &mut self.journal {
            Some(journal) => journal.checkpoint(at),
            None => Ok(()),
        }
    }

    fn at<T>(&mut self, behind: Option<u64>, is_ending: bool) -> Result<At<Saved<S>>>
    where
        K: Taker<T, Saved = S>,
    {
        self.bytes = 0;
        Ok(At {
            inputs: self.at.inputs,
            records: self.at.records,
            is_ending,
            saved: Saved {
                counts: self.counts.clone(),
                errors: self.bad.checkpoint()?,
                taker: self.taker.checkpoint(behind)?,
            },
        })
    }

    fn end<T>(mut self) -> Result<Ended<Saved<S>>>
    where
        K: Taker<T, Saved = S>,
    {
        if self.at.inputs == 0 && !self.stopped {
            return Err(nothing_found(self.args));
        }
        let at = match self.stopped {
            // the record that it stopped at is to be the next one
            true => At {
                is_ending: true,
                ..std::mem::take(&mut self.last)
            },
            false => self.at(None, true)?,
        };
        if let Some(journal) = &mut self.journal {
            journal.checkpoint(at.clone())?;
        }
        self.progress.end();
        self.bad.finish()?;
        self.counts.say(self.args.errors.as_deref());
        Ok(Ended {
            outcome: self.counts.outcome(self.stopped),
            counts: self.counts,
            journal: self.journal.map(|journal| (journal, at)),
        })
    }
}

fn handle<T>(
    item: Item,
    options: &CorpusOptions,
    work: &impl Fn(&Record, RecordPage) -> Result<Worked<T>>,
) -> Handled<T> {
    let record = match item {
        Item::Begin(path) => return Handled::Begin(path),
        Item::End(path) => return Handled::End(path),
        Item::Passed => return Handled::Passed,
        Item::Record(Ok(record)) => record,
        Item::Record(Err(error)) => {
            return Handled::Record(HandledRecord {
                place: None,
                behind: None,
                is_whole_file: !matches!(error, Error::BadRecord { .. }),
                result: Err(error),
            });
        }
    };
    let is_whole_file = record.is_whole_file();
    let (place, behind) = (record.place.clone(), record.end);
    let worked = || {
        let Some(page) = record.page(options)? else {
            return Ok(Handed::WithoutPage(match options.passed_over {
                PassedOver::Dropped => None,
                PassedOver::HandedOn => record.into_archived(),
            }));
        };
        let (id, unreadable_bytes) = (page.page.id.clone(), unreadable_bytes(&page.page));
        Ok(Handed::Found(Found {
            id,
            bytes: page.page.text.len(),
            worked: work(&record, page)?,
            unreadable_bytes,
        }))
    };
    let result = worked();
    Handled::Record(HandledRecord {
        place: Some(place),
        behind,
        is_whole_file,
        result,
    })
}

/// Bytes of a record in memory.
fn size(item: &Item) -> usize {
    let Item::Record(Ok(record)) = item else {
        return 0;
    };
    match &record.content {
        Content::Page(bytes) | Content::Json(bytes) | Content::Other(bytes) => bytes.len(),
        Content::Warc(record) => record.bytes(),
        Content::Row(row) => row.bytes(),
        Content::File => 0,
    }
}

impl Counts {
    /// Says what there is to say about a page, or counts it.
    fn remark(
        &mut self,
        progress: &Progress,
        is_whole_file: bool,
        id: &str,
        remark: Option<&'static str>,
        unreadable_bytes: Option<String>,
    ) {
        if is_whole_file {
            let remark = remark.map(|remark| format!("{id}: {remark}"));
            for remark in unreadable_bytes.into_iter().chain(remark) {
                progress.pause(|| note(&remark));
            }
        } else {
            for remark in unreadable_bytes.map(|_| UNREADABLE).into_iter().chain(remark) {
                *self.remarks.entry(remark.to_owned()).or_default() += 1;
            }
        }
    }

    /// Says what was counted, when there is more to say than that all went well.
    fn say(&self, errors: Option<&Path>) {
        for (remark, count) in &self.remarks {
            note(&format!("{count} of the records: {remark}"));
        }
        let where_to = match errors {
            Some(file) if self.failed > 0 => format!(" (see {})", file.display()),
            Some(_) | None => String::new(),
        };
        if (self.has_corpus && self.failed + self.without_page > 0) || !where_to.is_empty() {
            note(&format!("{}{where_to}", self.in_words()));
        }
    }

    fn outcome(&self, stopped: bool) -> Outcome {
        match (self.done + self.without_page, self.failed) {
            _ if stopped => Outcome::Stopped,
            (_, 0) => Outcome::Done,
            (0, _) => Outcome::AllFailed,
            (_, _) => Outcome::SomeFailed,
        }
    }

    /// All records.
    pub fn records(&self) -> u64 {
        self.done + self.without_page + self.failed
    }

    /// Such as `3 records: 2 pages, 1 bad`.
    pub fn in_words(&self) -> String {
        let count = |count: u64, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        let without_page = match self.without_page {
            0 => String::new(),
            some => format!(", {some} without a page"),
        };
        format!(
            "{}: {}{without_page}, {} bad",
            count(self.records(), "record", "records"),
            count(self.done, "page", "pages"),
            self.failed
        )
    }
}

impl PathArgs {
    /// The same, stopping at the first bad record.
    pub fn strict(&self) -> Self {
        Self {
            strict: true,
            ..self.clone()
        }
    }

    /// The paths as they were given.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Where records have their pages.
    pub fn keys(&self) -> Keys {
        Keys {
            text: self.text_key.clone(),
            html: self.html_key.clone(),
            id: self.id_key.clone(),
        }
    }
}

fn nothing_found(args: &PathArgs) -> Error {
    let names: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    let wanted = match args.glob.as_slice() {
        [] => format!("{WANTED} are read"),
        patterns => format!("files like {} are read", patterns.join(" or ")),
    };
    Error::Option {
        option: "PATH",
        problem: format!("no page in {}; of folders, {wanted}", names.join(", ")),
    }
}

// ---- files of folders

/// Which files of folders are read.
struct Wanted {
    /// Patterns for names and for paths; without any, endings decide.
    patterns: Option<(GlobSet, GlobSet)>,
}

impl Wanted {
    fn new(patterns: &[String]) -> Result<Self> {
        if patterns.is_empty() {
            return Ok(Self { patterns: None });
        }
        let failed = |error: globset::Error| Error::Option {
            option: "--glob",
            problem: format!("{error}; wanted a pattern such as '*.jsonl.gz' or '2024/**/*.html'"),
        };
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(failed)?;
            if pattern.contains('/') { &mut paths } else { &mut names }.add(glob);
        }
        Ok(Self {
            patterns: Some((names.build().map_err(failed)?, paths.build().map_err(failed)?)),
        })
    }

    fn wants(&self, folder: &Path, file: &Path) -> bool {
        match &self.patterns {
            Some((names, paths)) => {
                let is_path = paths.is_match(file.strip_prefix(folder).unwrap_or(file));
                is_path || file.file_name().is_some_and(|name| names.is_match(name))
            }
            None => has_wanted_ending(file),
        }
    }
}

fn has_wanted_ending(file: &Path) -> bool {
    // settings and the like are JSON too; packed they are a corpus
    let is_settings = file
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    (Format::of_name(file).is_some() && !is_settings) || unpacked_name(file).extension().is_none()
}

/// The files that the paths lead to, one after the other; a folder is listed as it is reached.
fn files_of<'a>(paths: &'a [PathBuf], wanted: &'a Wanted) -> Box<dyn Iterator<Item = Result<PathBuf>> + Send + 'a> {
    if paths.is_empty() {
        return Box::new(std::iter::once(Ok(PathBuf::from(STDIN))));
    }
    Box::new(
        paths
            .iter()
            .flat_map(|path| -> Box<dyn Iterator<Item = Result<PathBuf>> + Send> {
                if path.as_os_str() != STDIN && path.is_dir() {
                    Box::new(files_in(path, wanted))
                } else {
                    Box::new(std::iter::once(Ok(path.clone())))
                }
            }),
    )
}

fn files_in<'a>(folder: &'a Path, wanted: &'a Wanted) -> impl Iterator<Item = Result<PathBuf>> + Send + 'a {
    let is_hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| !is_hidden(entry))
        .filter_map(move |entry| match entry {
            Ok(entry) if entry.file_type().is_file() && wanted.wants(folder, entry.path()) => {
                Some(Ok(entry.into_path()))
            }
            Ok(_) => None,
            Err(error) => Some(Err(Error::Read {
                path: error.path().unwrap_or(Path::new("")).to_owned(),
                source: error
                    .into_io_error()
                    .unwrap_or_else(|| std::io::Error::other("a loop of links")),
            })),
        })
}

/// Bytes of all files; `None` when that cannot be known, as of standard input.
fn total_bytes(paths: &[PathBuf], wanted: &Wanted) -> Option<u64> {
    files_of(paths, wanted)
        .filter_map(Result::ok)
        .map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            metadata.is_file().then_some(metadata.len())
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_said_in_words() {
        let counts = |done, without_page, failed| {
            let counts = Counts {
                done,
                without_page,
                failed,
                ..Counts::default()
            };
            counts.in_words()
        };
        assert_eq!(counts(1, 0, 0), "1 record: 1 page, 0 bad");
        assert_eq!(counts(4, 3, 2), "9 records: 4 pages, 3 without a page, 2 bad");
    }

    fn wants(patterns: &[&str], file: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Wanted::new(&patterns)
            .unwrap()
            .wants(Path::new("a/b"), &Path::new("a/b").join(file))
    }

    #[test]
    fn of_folders_files_are_read_by_their_ending() {
        for file in [
            "x.txt",
            "x.HTML",
            "x.jsonl",
            "x.json.gz",
            "x.warc.gz",
            "x.wet.xz",
            "x.parquet",
            "x",
            "x.zst",
        ] {
            assert!(wants(&[], file), "{file}");
        }
        for file in ["x.json", "x.csv", "x.tar.gz", "x.png", "x.safetensors"] {
            assert!(!wants(&[], file), "{file}");
        }
    }

    #[test]
    fn a_pattern_is_for_names_and_with_a_slash_for_paths() {
        assert!(wants(&["*.csv"], "c/d/x.csv") && !wants(&["*.csv"], "x.txt"));
        assert!(
            wants(&["c/*.txt"], "c/x.txt") && !wants(&["c/*.txt"], "c/d/x.txt") && !wants(&["c/*.txt"], "d/c/x.txt")
        );
        assert!(wants(&["c/**/*.txt"], "c/d/x.txt"));
        assert!(wants(&["*.a", "*.b"], "x.b"));
        assert!(Wanted::new(&["[".to_owned()]).is_err());
    }
}
