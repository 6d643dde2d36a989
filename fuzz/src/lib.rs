//! The targets, each a file, and what they share: the shipped model, and what holds for the labels of any page.
//!
//! `tests/fuzz.rs` of the main crate has this file too, and tries the seeds; so it names no crate that the main crate does not have.

pub mod annotations;
pub mod html;
pub mod json_lines;
pub mod label_file;
pub mod labelled_pages;
pub mod model;
pub mod packed;
pub mod parquet;
pub mod seeds;
pub mod sidecar;
pub mod text;
pub mod undo_file;
pub mod warc;

use std::io::Cursor;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use unbait::classifier::{Classifier, LabelledPage};
use unbait::corpus::packed::Packing;
use unbait::corpus::undo::Sink;
use unbait::corpus::{CorpusOptions, Record, Records};
use unbait::error::Result;
use unbait::page::{Page, PageKind};
use unbait::segment::{Split, is_space};

/// What tries an input, and panics when a promise does not hold.
pub type Target = fn(&[u8]);

/// Name of each target, and what tries an input.
pub const TARGETS: [(&str, Target); 12] = [
    ("annotations", annotations::try_input),
    ("html", html::try_input),
    ("json_lines", json_lines::try_input),
    ("label_file", label_file::try_input),
    ("labelled_pages", labelled_pages::try_input),
    ("model", model::try_input),
    ("packed", packed::try_input),
    ("parquet", parquet::try_input),
    ("sidecar", sidecar::try_input),
    ("text", text::try_input),
    ("undo_file", undo_file::try_input),
    ("warc", warc::try_input),
];

/// How far from 1 the probabilities of a block may sum up (chosen: a thousand times what rounding does).
const TOLERANCE: f64 = 1e-9;

/// The shipped model, read once.
pub fn classifier() -> &'static Classifier {
    static MODEL: OnceLock<Classifier> = OnceLock::new();
    MODEL.get_or_init(|| Classifier::shipped().expect("the shipped model"))
}

/// Labels a page, and checks what holds for any.
pub fn checked(classifier: &Classifier, page: &Page, split: Split) -> LabelledPage {
    let labelled = classifier.classify(page, split).expect("any page can be labelled");
    let blocks = &labelled.segmented.blocks;
    assert_eq!(labelled.labels.len(), blocks.len(), "a label for each block");
    assert_eq!(labelled.probabilities.dim(), (blocks.len(), classifier.labels().len()));
    for row in labelled.probabilities.rows() {
        assert!(row.iter().all(|p| (0.0..=1.0).contains(p)), "probabilities {row}");
        assert!(
            (row.sum() - 1.0).abs() < TOLERANCE,
            "probabilities {row} sum up to {}",
            row.sum()
        );
    }
    let mut end = 0;
    for block in blocks {
        assert!(is_collapsed(&block.text), "{:?}", block.text);
        assert!(block.span.start >= end, "{:?} begins before {end}", block);
        assert!(block.span.start < block.span.end, "{block:?}");
        end = block.span.end;
        let source = &page.text[block.span.clone()];
        if page.kind == PageKind::Text {
            assert!(
                words(source).eq(words(&block.text)),
                "{source:?} is not {:?}",
                block.text
            );
        }
    }
    labelled
}

/// Whether an input is one of those that are labelled a second time: an eighth, as it doubles what they take.
pub fn is_labelled_twice(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(8)
}

/// Words between white space.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Probabilities by their bits.
pub fn bits(labelled: &LabelledPage) -> Vec<u64> {
    labelled.probabilities.iter().map(|p| p.to_bits()).collect()
}

/// Whether a text is one of a block: not empty, trimmed, single spaces.
fn is_collapsed(text: &str) -> bool {
    let mut words = text.split(' ');
    words.all(|word| !word.is_empty() && !word.contains(is_space))
}

/// Most records that are read of one input (chosen: no input has more lines).
pub const MOST_RECORDS: usize = 1 << 16;

/// The records of these bytes, as of a stream.
pub fn records(bytes: &[u8], options: &CorpusOptions) -> Vec<Result<Record>> {
    let records = Records::of_reader(Path::new("x"), Cursor::new(bytes.to_vec()), options);
    records.take(MOST_RECORDS).collect()
}

/// A file of this name with these bytes, in a folder of this process; each call writes it anew.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("unbait-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for files");
        folder
    });
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("room for a file");
    path
}

/// Originals that were restored, in memory.
#[derive(Debug, Default)]
pub struct Originals {
    /// Name and bytes of each that came to its end.
    pub whole: Vec<(PathBuf, Vec<u8>)>,
}

impl Sink for Originals {
    type File = (PathBuf, Vec<u8>);

    fn begin(&mut self, name: &Path, _: Option<Packing>) -> Result<Self::File> {
        let mut parts = name.components();
        assert!(
            parts.all(|part| matches!(part, Component::Normal(_))),
            "{name:?} leads out of its folder"
        );
        Ok((name.to_owned(), Vec::new()))
    }

    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> Result<()> {
        file.1.extend_from_slice(bytes);
        Ok(())
    }

    fn start_over(&mut self, file: Self::File) -> Result<Self::File> {
        Ok((file.0, Vec::new()))
    }

    fn end(&mut self, file: Self::File) -> Result<()> {
        self.whole.push(file);
        Ok(())
    }
}
