//! Everything that can go wrong, with where it went wrong and what to do about it.
//!
//! A message names the thing (path, line, record), what was wanted and found, and the remedy; it never stands for an answer.

use std::path::PathBuf;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written; nothing stands under its name.
    #[error("{}: cannot be written; nothing was left under this name", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Results could not be written to standard output.
    #[error("standard output: cannot be written")]
    Output {
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are neither text nor HTML.
    #[error("{id}: this is no text or HTML ({found}); unpack or convert it first, or name its encoding (--encoding)")]
    NotText {
        /// The page.
        id: String,
        /// What the bytes look like.
        found: String,
    },
    /// An encoding name that the Encoding Standard does not have.
    #[error(
        "unknown encoding {name:?}; give a name of the Encoding Standard, such as utf-8, windows-1252 or shift_jis"
    )]
    UnknownEncoding {
        /// The name as given.
        name: String,
    },
    /// A page that is larger than is allowed.
    #[error(
        "{id}: the page has more than {most} bytes when it is unpacked; allow more with --max-page-size, up to 1G, or split it into pages"
    )]
    PageTooLarge {
        /// The page.
        id: String,
        /// The most bytes that are allowed.
        most: usize,
    },
    /// A set of labels that no model can have.
    #[error("labels: {problem}")]
    Labels {
        /// What is wrong with it.
        problem: String,
    },
    /// A label that the model or the data set does not have.
    #[error("unknown label {name:?}; the labels are {known}")]
    UnknownLabel {
        /// The label as given.
        name: String,
        /// The labels there are.
        known: String,
    },
    /// A labelled page that cannot be used.
    #[error("{}:{line}: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was wanted and found, and the remedy.
        problem: String,
    },
    /// A file of a corpus that cannot be used.
    #[error("{}: {problem}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// What was wanted and found, and the remedy.
        problem: String,
    },
    /// A record of a corpus that cannot be used.
    #[error("{}: record {record}{}: {problem}", path.display(), offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default())]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// The record, from 1.
        record: u64,
        /// Where it begins, in bytes.
        offset: Option<u64>,
        /// What was wanted and found.
        problem: String,
    },
    /// Rows of which no Parquet file can be made.
    #[error("Parquet: the rows cannot be written: {problem}; write JSON lines instead")]
    Parquet {
        /// What the writer said.
        problem: String,
    },
    /// A file that was written to while it was read.
    #[error("{}: changed while it was read, so that nobody can say what was read; run again when nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A labelled page whose blocks are not those of its HTML or text.
    #[error(
        "{id}: {unmatched} of {words} words of the labelled blocks do not stand in the page ({:.1} %, allowed are {:.1} %); \
         correct the page or allow more with --max-unmatched", 100.0 * *unmatched as f64 / (*words).max(1) as f64, 100.0 * allowed
    )]
    Unmatched {
        /// The page.
        id: String,
        /// Words of gold blocks that were not found in the page.
        unmatched: usize,
        /// Words of all gold blocks.
        words: usize,
        /// The share allowed, 0 to 1.
        allowed: f64,
    },
    /// A training or test set that cannot be used.
    #[error("labelled pages: {problem}")]
    Dataset {
        /// What was wanted and found, and the remedy.
        problem: String,
    },
    /// The optimizer stopped before the gradient was small enough.
    #[error(
        "{model}: stopped after {iterations} iterations with gradient norm {gradient_norm:.3e}, above the tolerance {tolerance:.3e}; \
         allow more iterations, raise the tolerance or the penalty, or allow an early stop (--allow-early-stop)"
    )]
    NotConverged {
        /// Which of the models.
        model: &'static str,
        /// Iterations made.
        iterations: u64,
        /// Norm of the gradient of the mean loss where it stopped.
        gradient_norm: f64,
        /// The norm wanted.
        tolerance: f64,
    },
    /// The optimizer failed.
    #[error("{model}: the optimizer failed: {problem}")]
    Optimizer {
        /// Which of the models.
        model: &'static str,
        /// What it said.
        problem: String,
    },
    /// A model file that cannot be used.
    #[error("{name}: {problem}")]
    Model {
        /// The file, or the name of a built-in model.
        name: String,
        /// What was wanted and found, and the remedy.
        problem: String,
    },
    /// A file of options that cannot be used.
    #[error("{}:{line}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was wanted and found, and the remedy.
        problem: String,
    },
    /// An option whose value makes no sense.
    #[error("{option}: {problem}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was wanted and found.
        problem: String,
    },
}
