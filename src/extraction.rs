//! What extractors left of labelled pages, joined with them by page id: blocks of the extractor's text with gold labels.
//!
//! An extractor breaks lines, joins blocks, drops headings and repeats alt texts, so labels are carried over by aligned words;
//! a block that gold does not know has no label, and nothing is learned from it.

use crate::dataset::{GoldPage, MatchedPage, letters, match_blocks, read_lines};
use crate::error::{Error, Result};
use crate::label::{Label, LabelSet};
use crate::page::{Page, PageKind};
use crate::segment::{Split, segment};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One extractor's text of one page, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Record {
    id: String,
    extractor: String,
    text: String,
}

/// Texts that extractors left, by page id and name of the extractor.
#[derive(Debug, Default)]
pub struct Extractions {
    texts: BTreeMap<String, BTreeMap<String, String>>,
    /// Name and SHA-256 of each file that was read, sorted by name.
    pub files: Vec<(String, String)>,
    /// Records that could not be used, each with file and line.
    pub errors: Vec<Error>,
}

impl Extractions {
    /// Reads files of JSON lines, plain, `.gz` or `.zst`: `{"id": page, "extractor": name, "text": what it left}`; other keys are
    /// not read. An empty text counts as none: the extractor left nothing to label.
    ///
    /// # Errors
    /// [`Error::Read`] when a file cannot be read. Bad records are kept in [`Extractions::errors`] and the rest is read.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut extractions = Self::default();
        for path in paths {
            let file = read_lines(path, |line, record| {
                let place = |problem: String| Error::Record {
                    path: path.clone(),
                    line,
                    problem,
                };
                match serde_json::from_slice::<Record>(record) {
                    Ok(record) => {
                        let of_page = extractions.texts.entry(record.id.clone()).or_default();
                        if of_page.insert(record.extractor.clone(), record.text).is_some() {
                            extractions.errors.push(place(format!(
                                "page {:?} has a text of {:?} already; the last one counts",
                                record.id, record.extractor
                            )));
                        }
                    }
                    Err(error) => extractions.errors.push(place(format!(
                        "no extractor's text: {error}; wanted one JSON object with `id`, `extractor` and `text`"
                    ))),
                }
            })?;
            extractions.files.push(file);
        }
        extractions.files.sort();
        Ok(extractions)
    }

    /// The texts of a page that are not empty, with the names of their extractors, in the order of the names.
    pub fn of<'e>(&'e self, id: &str) -> impl Iterator<Item = (&'e str, &'e str)> + use<'e> {
        let texts = self.texts.get(id).into_iter().flatten();
        texts
            .map(|(extractor, text)| (extractor.as_str(), text.as_str()))
            .filter(|(_, text)| !text.trim().is_empty())
    }

    /// The ids of all pages that a text was read for.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }
}

/// An extractor's text of a labelled page as blocks with gold labels.
///
/// A block has the label that most of its words have in gold, by aligned words. One that is not aligned but repeats a gold block
/// (a picture's alt text that is its caption, a heading that stands twice) has that block's label.
///
/// # Errors
/// [`Error::UnknownLabel`] for a label that `labels` lacks, [`Error::PageTooLarge`].
pub fn match_extraction(gold: &GoldPage, text: &str, labels: &LabelSet) -> Result<MatchedPage> {
    let page = Page::from_text(&gold.id, text.to_owned(), Some(PageKind::Text))?;
    let segmented = segment(&page, Split::Auto);
    let mut matched = match_blocks(gold, segmented, labels)?;
    let mut known: BTreeMap<String, Label> = BTreeMap::new();
    for block in &gold.blocks {
        known.entry(letters(&block.text)).or_insert(labels.parse(&block.label)?);
    }
    for (label, block) in matched.labels.iter_mut().zip(&matched.segmented.blocks) {
        if label.is_none() {
            *label = known.get(&letters(&block.text)).copied();
        }
    }
    // what the extractor left out is not missing from the page
    matched.unmatched_words = 0;
    matched.gold_words = 0;
    Ok(matched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::GoldBlock;

    fn page() -> GoldPage {
        let block = |label: &str, text: &str| GoldBlock {
            text: text.to_owned(),
            label: label.to_owned(),
        };
        GoldPage {
            id: "a/b".to_owned(),
            kind: None,
            url: None,
            lang: None,
            html: None,
            text: None,
            blocks: vec![
                block("other", "Menu Home Weather"),
                block("body", "The ferry sails again"),
                block("caption", "The ferry at ‘its’ pier, seen from the harbour wall"),
                block(
                    "body",
                    "After three weeks in the dock the ferry sailed on Monday with forty people on board.",
                ),
                block("promo", "Read more: Who built the pier"),
            ],
            unknown: Default::default(),
        }
    }

    fn labelled(text: &str) -> Vec<Option<u8>> {
        let labels = LabelSet::new(["body", "caption", "promo", "other"]).unwrap();
        let matched = match_extraction(&page(), text, &labels).unwrap();
        matched.labels.iter().map(|label| label.map(|label| label.0)).collect()
    }

    #[test]
    fn a_paragraph_that_lost_words_keeps_its_label() {
        let text = "The ferry sails again\n\nAfter three weeks in the dock the ferry sailed with forty people on board.\n\n\
                    Read more: Who built the pier";
        assert_eq!(labelled(text), [Some(0), Some(0), Some(2)]);
    }

    #[test]
    fn an_alt_text_that_repeats_a_caption_is_a_caption() {
        let text = "The ferry sails again\n\nThe ferry at 'its' pier, seen from the harbour wall\n\n\
                    The ferry at ‘its’ pier, seen from the harbour wall";
        assert_eq!(labelled(text), [Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn text_that_gold_does_not_know_has_no_label() {
        assert_eq!(
            labelled("The ferry sails again\n\nA gull sits upon some bollard"),
            [Some(0), None]
        );
    }

    fn read(lines: &str) -> Extractions {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, lines).unwrap();
        Extractions::read(&[path]).unwrap()
    }

    #[test]
    fn texts_are_found_by_page_and_empty_ones_are_none() {
        let read = read(
            "{\"id\":\"a\",\"extractor\":\"y\",\"text\":\"1\",\"url\":null}\n\
             {\"id\":\"a\",\"extractor\":\"x\",\"text\":\"2\"}\n{\"id\":\"a\",\"extractor\":\"z\",\"text\":\" \\n\"}\n",
        );
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        assert_eq!(read.of("a").collect::<Vec<_>>(), [("x", "2"), ("y", "1")]);
        assert_eq!(read.of("b").count(), 0);
        assert_eq!(read.ids().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_bad_record_and_a_second_text_are_named_with_their_lines() {
        let read = read(
            "{\"id\":\"a\",\"extractor\":\"x\",\"text\":\"1\"}\n{\"id\":3}\n{\"id\":\"a\",\"extractor\":\"x\",\"text\":\"2\"}\n",
        );
        let messages: Vec<String> = read.errors.iter().map(ToString::to_string).collect();
        assert!(messages[0].contains("x.jsonl:2: "), "{messages:?}");
        assert!(
            messages[1].contains("x.jsonl:3: ") && messages[1].contains("already"),
            "{messages:?}"
        );
        assert_eq!(read.of("a").collect::<Vec<_>>(), [("x", "2")]);
    }
}
