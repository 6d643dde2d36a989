//! Labels without their pages: hashes of block texts with labels, to be published where the pages may not be, and joined with them again.
//!
//! A hash stands for letters and digits in lower case, so another parser's spaces or quotation marks do not lose a label.

use crate::dataset::{GoldBlock, GoldPage, letters, page_of, read_lines};
use crate::error::{Error, Result};
use crate::segment::{Split, segment};
use imara_diff::{Algorithm, Diff, InternedInput};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The labels of one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledHashes {
    /// Name of the page.
    pub id: String,
    /// Address of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Language, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// All blocks in reading order.
    pub blocks: Vec<HashedBlock>,
}

/// The label of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashedBlock {
    /// Hash of the block's text, as [`text_hash`] gives it.
    pub hash: String,
    /// The label's name.
    pub label: String,
}

/// The first 32 bits of the XXH3 hash of a text's letters and digits in lower case, as eight hexadecimal digits. Blocks are told apart
/// by their order too, so that is enough for the blocks of one page.
pub fn text_hash(text: &str) -> String {
    format!("{:08x}", xxhash_rust::xxh3::xxh3_64(letters(text).as_bytes()) >> 32)
}

/// The labels of a page without its text.
pub fn without_text(gold: &GoldPage) -> LabelledHashes {
    LabelledHashes {
        id: gold.id.clone(),
        url: gold.url.clone(),
        lang: gold.lang.clone(),
        blocks: gold
            .blocks
            .iter()
            .map(|block| HashedBlock {
                hash: text_hash(&block.text),
                label: block.label.clone(),
            })
            .collect(),
    }
}

/// Labels of a file without pages, and the records that could not be used.
#[derive(Debug, Default)]
pub struct LabelFile {
    /// The pages' labels in the order of the file.
    pub pages: Vec<LabelledHashes>,
    /// Records that could not be used, each with file and line.
    pub errors: Vec<Error>,
}

impl LabelFile {
    /// Reads a file of JSON lines, plain, `.gz` or `.zst`. A bad record is kept in [`LabelFile::errors`] and the rest is read.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = Self::default();
        read_lines(path, |line, record| {
            match serde_json::from_slice(record) {
            Ok(page) => file.pages.push(page),
            Err(error) => file.errors.push(Error::Record {
                path: path.to_owned(),
                line,
                problem: format!(
                    "no labels of a page: {error}; wanted one JSON object with `id` and `blocks` of `hash` and `label`, as `unbait export` writes it"
                ),
            }),
        }
        })?;
        Ok(file)
    }
}

/// A page with the labels that were found for it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The page with its labelled blocks.
    pub page: GoldPage,
    /// Labels of blocks that the page does not have.
    pub lost: usize,
}

/// Gives a page, HTML or text, the labels that were published without it: blocks are matched by their hashes in order.
///
/// # Errors
/// [`Error::PageTooLarge`].
pub fn join(labels: &LabelledHashes, html: Option<String>, text: Option<String>) -> Result<Joined> {
    let mut page = GoldPage {
        id: labels.id.clone(),
        kind: None,
        url: labels.url.clone(),
        lang: labels.lang.clone(),
        html,
        text,
        blocks: Vec::new(),
        unknown: Default::default(),
    };
    let segmented = segment(&page_of(&page)?, Split::Auto);
    let found: Vec<String> = segmented.blocks.iter().map(|block| text_hash(&block.text)).collect();
    let mut input: InternedInput<&str> = InternedInput::default();
    input.update_before(labels.blocks.iter().map(|block| block.hash.as_str()));
    input.update_after(found.iter().map(String::as_str));
    let diff = Diff::compute(Algorithm::Histogram, &input);
    let mut kept = (0..found.len()).filter(|at| !diff.is_added(*at as u32));
    let mut lost = 0;
    for (at, block) in labels.blocks.iter().enumerate() {
        if diff.is_removed(at as u32) {
            lost += 1;
        } else if let Some(at) = kept.next() {
            page.blocks.push(GoldBlock {
                text: segmented.blocks[at].text.clone(),
                label: block.label.clone(),
            });
        }
    }
    Ok(Joined { page, lost })
}

/// An address without what differs between copies of one page: scheme, `www.`, fragment, and a slash at the end.
pub fn bare_address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    rest.split('#').next().unwrap_or(rest).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = "<ul><li>Home<li>Home</ul><h1>The ferry sails</h1><p>It took three weeks.<p>More news";

    fn labels() -> LabelledHashes {
        let block = |text: &str, label: &str| HashedBlock {
            hash: text_hash(text),
            label: label.to_owned(),
        };
        LabelledHashes {
            id: "a/b".to_owned(),
            url: Some("https://a.example/b".to_owned()),
            lang: None,
            blocks: vec![
                block("Home", "other"),
                block("Home", "promo"),
                block("The ferry sails", "body"),
                block("It took three weeks.", "body"),
                block("More news", "promo"),
            ],
        }
    }

    fn names(page: &GoldPage) -> Vec<(&str, &str)> {
        let blocks = page.blocks.iter();
        blocks
            .map(|block| (block.text.as_str(), block.label.as_str()))
            .collect()
    }

    #[test]
    fn labels_come_back_to_their_blocks_and_equal_blocks_in_order() {
        let joined = join(&labels(), Some(HTML.to_owned()), None).unwrap();
        assert_eq!(joined.lost, 0);
        let wanted = [
            ("Home", "other"),
            ("Home", "promo"),
            ("The ferry sails", "body"),
            ("It took three weeks.", "body"),
            ("More news", "promo"),
        ];
        assert_eq!(names(&joined.page), wanted);
        assert_eq!(without_text(&joined.page), labels());
    }

    #[test]
    fn a_block_that_changed_loses_its_label_alone() {
        let html = HTML.replace("three", "four");
        let joined = join(&labels(), Some(html), None).unwrap();
        assert_eq!((joined.lost, joined.page.blocks.len()), (1, 4));
        assert!(!names(&joined.page).iter().any(|(text, _)| text.contains("weeks")));
    }

    #[test]
    fn spaces_case_and_quotation_marks_make_no_difference_to_a_hash() {
        assert_eq!(text_hash("The “ferry” sails"), text_hash("the\n 'Ferry'  sails."));
        assert_ne!(text_hash("The ferry sails"), text_hash("The ferry sailed"));
        assert_eq!(text_hash("x").len(), 8);
    }

    #[test]
    fn copies_of_an_address_are_one() {
        assert_eq!(bare_address("http://www.a.example/b/#top"), "a.example/b");
        assert_eq!(bare_address("https://a.example/b"), "a.example/b");
        assert_ne!(bare_address("https://a.example/b?c"), "a.example/b");
    }

    #[test]
    fn a_bad_record_is_named_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.labels");
        let good = serde_json::to_string(&labels()).unwrap();
        std::fs::write(
            &path,
            format!("{good}\n{{\"id\":\"x\",\"blocks\":[{{\"text\":\"x\"}}]}}\n"),
        )
        .unwrap();
        let file = LabelFile::read(&path).unwrap();
        assert_eq!(file.pages, [labels()]);
        assert!(
            file.errors[0].to_string().contains("x.labels:2: "),
            "{}",
            file.errors[0]
        );
    }
}
