//! Paths to pages: files, folders and standard input, read in portions, in parallel, with results in the order of the inputs.
//!
//! An input that fails is named and the others go on; only a portion of the pages is in memory at any time.

use crate::Outcome;
use crate::output::{complain, note};
use clap::ValueEnum;
use rayon::prelude::*;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use unbait::classifier::Classifier;
use unbait::error::{Error, Result};
use unbait::page::{MOST_PAGE_BYTES, Page, PageKind, PageOptions, encoding_by_name};
use unbait::segment::Split;

/// Pages that are in memory at once (chosen: enough to keep many threads busy).
const PORTION: usize = 64;

/// Endings of the files that are read from a folder, besides files without one.
const ENDINGS: [&str; 6] = ["txt", "text", "md", "html", "htm", "xhtml"];

/// Standard input as a path.
const STDIN: &str = "-";

/// Which pages are read.
#[derive(clap::Args)]
pub struct PathArgs {
    /// Files, folders, or - for standard input (also when nothing is given). Of folders, all .txt, .text, .md, .html, .htm and
    /// .xhtml files and files without an ending are read, in the order of their names; hidden files and links are not
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Number of threads; without it as many as there are processors
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// How pages are read and by which model they are labelled.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// Read every page as this; without it the name's ending decides, then the content
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<KindName>,
    /// Encoding of every page, such as windows-1252; without it: byte order mark, UTF-8, what the page declares, a guess
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// What separates the blocks of a text page: blank lines, every line end, or whichever the page uses
    #[arg(long, value_enum, value_name = "HOW", default_value_t = SplitName::Auto)]
    split: SplitName,
    /// Model file; `blocks` is the built-in model
    #[arg(long, value_name = "FILE", default_value = BUILT_IN)]
    model: PathBuf,
}

/// Name of the built-in model.
pub const BUILT_IN: &str = "blocks";

#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    Html,
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    Blank,
    Line,
    Auto,
}

impl ReadArgs {
    /// How bytes become pages.
    pub fn options(&self) -> Result<PageOptions> {
        let kind = self.kind.map(|kind| match kind {
            KindName::Html => PageKind::Html,
            KindName::Text => PageKind::Text,
        });
        let encoding = self.encoding.as_deref().map(encoding_by_name).transpose()?;
        Ok(PageOptions { kind, encoding })
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

/// Reads a model file, or takes the built-in model.
pub fn read_model(path: &Path) -> Result<Classifier> {
    if path.as_os_str() == BUILT_IN {
        return Classifier::shipped();
    }
    let bytes = std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Classifier::from_bytes(&path.display().to_string(), &bytes)
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

/// Reads one page; `-` is standard input.
pub fn read_page(path: &Path, options: &PageOptions) -> Result<Page> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    // one byte more than allowed tells a page that is too large, whatever its size
    let most = MOST_PAGE_BYTES as u64 + 1;
    if path.as_os_str() == STDIN {
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        std::fs::File::open(path)
            .map_err(failed)?
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    let id = path.display().to_string();
    if bytes.len() > MOST_PAGE_BYTES {
        return Err(Error::PageTooLarge {
            id,
            bytes: bytes.len(),
            most: MOST_PAGE_BYTES,
        });
    }
    Page::from_bytes(&id, &bytes, options)
}

/// Reads all pages, has each one worked on in parallel, and hands the results over in the order of the inputs.
///
/// # Errors
/// [`Error::Option`] when the paths lead to no page; those of `take`. What `work` fails with is named on standard error.
pub fn for_each_page<T: Send>(
    args: &PathArgs,
    options: &PageOptions,
    work: impl Fn(Page) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<Outcome> {
    let mut inputs = inputs(&args.paths).peekable();
    let (mut done, mut failed) = (0usize, 0usize);
    while inputs.peek().is_some() {
        let portion: Vec<Result<PathBuf>> = inputs.by_ref().take(PORTION).collect();
        let read_and_work = |input: Result<PathBuf>| {
            let page = read_page(&input?, options)?;
            let warning = unreadable_bytes(&page);
            Ok((work(page)?, warning))
        };
        let results: Vec<Result<(T, Option<String>)>> = portion.into_par_iter().map(read_and_work).collect();
        for result in results {
            match result {
                Ok((result, warning)) => {
                    done += 1;
                    if let Some(warning) = warning {
                        note(&warning);
                    }
                    take(result)?;
                }
                Err(error) => {
                    failed += 1;
                    complain(&error);
                }
            }
        }
    }
    match (done, failed) {
        (0, 0) => Err(nothing_found(&args.paths)),
        (_, 0) => Ok(Outcome::Done),
        (0, _) => Ok(Outcome::AllFailed),
        (_, _) => Ok(Outcome::SomeFailed),
    }
}

fn nothing_found(paths: &[PathBuf]) -> Error {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let endings: Vec<String> = ENDINGS.iter().map(|ending| format!(".{ending}")).collect();
    Error::Option {
        option: "PATH",
        problem: format!(
            "no page in {}; of folders, files with {} or no ending are read",
            names.join(", "),
            endings.join(", ")
        ),
    }
}

/// The files that the paths lead to, one after the other; a folder is listed as it is reached.
fn inputs(paths: &[PathBuf]) -> Box<dyn Iterator<Item = Result<PathBuf>> + '_> {
    if paths.is_empty() {
        return Box::new(std::iter::once(Ok(PathBuf::from(STDIN))));
    }
    Box::new(
        paths
            .iter()
            .flat_map(|path| -> Box<dyn Iterator<Item = Result<PathBuf>>> {
                if path.as_os_str() != STDIN && path.is_dir() {
                    Box::new(files_in(path))
                } else {
                    Box::new(std::iter::once(Ok(path.clone())))
                }
            }),
    )
}

fn files_in(folder: &Path) -> impl Iterator<Item = Result<PathBuf>> {
    let is_hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| !is_hidden(entry))
        .filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_file() && is_wanted(entry.path()) => Some(Ok(entry.into_path())),
            Ok(_) => None,
            Err(error) => Some(Err(Error::Read {
                path: error.path().unwrap_or(Path::new("")).to_owned(),
                source: error
                    .into_io_error()
                    .unwrap_or_else(|| std::io::Error::other("a loop of links")),
            })),
        })
}

fn is_wanted(path: &Path) -> bool {
    let Some(ending) = path.extension() else { return true };
    ENDINGS.iter().any(|wanted| ending.eq_ignore_ascii_case(wanted))
}
