//! Corrections of labels, applied to labelled pages after they were read: the data stay as they were published.
//!
//! A correction is of the blocks that have this text and still have the label that it says they had; when the data were corrected at
//! their source it changes nothing. All corrections are of the labels as they were read, so their order makes no difference.

use crate::dataset::{Dataset, GoldPage, read_lines};
use crate::error::{Error, Result};
use crate::label_file::text_hash;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// One correction, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: String,
    text_hash: String,
    was: String,
    label: String,
    reason: String,
}

/// Hash of the text and label of the blocks of a page that a correction is of.
type Blocks = (String, String);

/// The label that they get, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Correction {
    label: String,
    path: PathBuf,
    line: usize,
}

/// Corrections of files, by page.
#[derive(Debug, Default)]
pub struct Corrections {
    by_page: BTreeMap<String, BTreeMap<Blocks, Correction>>,
    /// Name and SHA-256 of each file that was read, sorted by name.
    pub files: Vec<(String, String)>,
}

/// What corrections did to a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Number of blocks that have another label now.
    pub blocks: usize,
    /// The corrections that found no block, in the order of their files and lines.
    pub idle: Vec<Idle>,
}

/// A correction that found no block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Idle {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// Why it found none.
    pub why: String,
}

impl fmt::Display for Idle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{} ({})", self.path.display(), self.line, self.why)
    }
}

impl Corrections {
    /// Reads files of JSON lines, plain, `.gz` or `.zst`: `{"id": page, "text_hash": hash, "was": label, "label": label, "reason":
    /// text}`, where the hash is what [`text_hash`] gives for the block.
    ///
    /// # Errors
    /// [`Error::Read`] when a file cannot be read; [`Error::Record`] for the first record that is no correction, changes nothing, or
    /// gives a block another label than a correction before it.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut corrections = Self::default();
        for path in paths.iter().collect::<BTreeSet<_>>() {
            let mut first_problem = None;
            let file = read_lines(path, |line, record| {
                if first_problem.is_none() {
                    first_problem = corrections.add(path, line, record).err().map(|problem| Error::Record {
                        path: path.clone(),
                        line,
                        problem,
                    });
                }
            })?;
            if let Some(problem) = first_problem {
                return Err(problem);
            }
            corrections.files.push(file);
        }
        corrections.files.sort();
        Ok(corrections)
    }

    fn add(&mut self, path: &Path, line: usize, record: &[u8]) -> Result<(), String> {
        let record: Record = serde_json::from_slice(record).map_err(|error| {
            format!(
                "no correction: {error}; wanted one JSON object with `id`, `text_hash`, `was`, `label` and `reason`"
            )
        })?;
        if !is_hash(&record.text_hash) {
            return Err(format!(
                "the `text_hash` {:?} is none; wanted eight hexadecimal digits in lower case, as `unbait eval --errors` and \
                 `unbait export` write them",
                record.text_hash
            ));
        }
        if record.reason.trim().is_empty() {
            return Err("the `reason` is empty; say why the label was wrong".to_owned());
        }
        if record.was == record.label {
            return Err(format!(
                "`was` and `label` are both {:?}, which changes nothing; correct one of them or take the line out",
                record.label
            ));
        }
        let of_page = self.by_page.entry(record.id.clone()).or_default();
        match of_page.get(&(record.text_hash.clone(), record.was.clone())) {
            Some(before) if before.label != record.label => Err(format!(
                "page {:?}, block {}: {:?} becomes {:?} here and {:?} in {}:{}; keep one of the two",
                record.id,
                record.text_hash,
                record.was,
                record.label,
                before.label,
                before.path.display(),
                before.line
            )),
            Some(_) => Ok(()),
            None => {
                let correction = Correction {
                    label: record.label,
                    path: path.to_owned(),
                    line,
                };
                of_page.insert((record.text_hash, record.was), correction);
                Ok(())
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_page.is_empty()
    }

    /// Number of corrections; the same one in two places counts once.
    pub fn len(&self) -> usize {
        self.by_page.values().map(BTreeMap::len).sum()
    }

    /// Checks that only these labels are given.
    ///
    /// # Errors
    /// [`Error::Record`] for the first correction, by page, that gives another one.
    pub fn check_labels(&self, allowed: &[String]) -> Result<()> {
        let mut corrections = self.by_page.values().flat_map(BTreeMap::values);
        match corrections.find(|correction| !allowed.contains(&correction.label)) {
            Some(correction) => Err(Error::Record {
                path: correction.path.clone(),
                line: correction.line,
                problem: format!(
                    "unknown label {:?}; the labels are {}",
                    correction.label,
                    allowed.join(", ")
                ),
            }),
            None => Ok(()),
        }
    }

    /// Corrects the labels of a data set, and adds the files to those that it was read from.
    pub fn apply(&self, dataset: &mut Dataset) -> Applied {
        let mut applied = Applied::default();
        let mut waiting: BTreeSet<&String> = self.by_page.keys().collect();
        for page in &mut dataset.pages {
            if let Some((id, of_page)) = self.by_page.get_key_value(&page.id) {
                waiting.remove(id);
                apply_to(page, of_page, &mut applied);
            }
        }
        for id in waiting {
            let why = format!("page {id:?} is not in the data");
            let of_page = self.by_page[id].values();
            applied.idle.extend(of_page.map(|correction| correction.idle(&why)));
        }
        applied.idle.sort();
        dataset.files.extend(self.files.iter().cloned());
        dataset.files.sort();
        applied
    }
}

impl Correction {
    fn idle(&self, why: &str) -> Idle {
        Idle {
            path: self.path.clone(),
            line: self.line,
            why: why.to_owned(),
        }
    }
}

fn apply_to(page: &mut GoldPage, of_page: &BTreeMap<Blocks, Correction>, applied: &mut Applied) {
    let mut texts = BTreeSet::new();
    let mut found = BTreeSet::new();
    for block in &mut page.blocks {
        let blocks = (text_hash(&block.text), block.label.clone());
        if let Some(correction) = of_page.get(&blocks) {
            block.label = correction.label.clone();
            applied.blocks += 1;
        }
        texts.insert(blocks.0.clone());
        found.insert(blocks);
    }
    for (blocks, correction) in of_page.iter().filter(|(blocks, _)| !found.contains(*blocks)) {
        let (hash, was) = blocks;
        let why = if texts.contains(hash) {
            format!("block {hash} of page {:?} is not {was:?}", page.id)
        } else {
            format!("page {:?} has no block {hash}", page.id)
        };
        applied.idle.push(correction.idle(&why));
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::GoldBlock;

    fn page(id: &str, blocks: &[(&str, &str)]) -> GoldPage {
        let blocks = blocks.iter().map(|(label, text)| GoldBlock {
            text: (*text).to_owned(),
            label: (*label).to_owned(),
        });
        GoldPage {
            id: id.to_owned(),
            kind: None,
            url: None,
            lang: None,
            html: None,
            text: None,
            blocks: blocks.collect(),
            unknown: Default::default(),
        }
    }

    fn dataset() -> Dataset {
        Dataset {
            pages: vec![
                page(
                    "mill/weir",
                    &[
                        ("other", "Home"),
                        ("body", "The weir was repaired."),
                        ("promo", "Home"),
                        ("other", "home!"),
                    ],
                ),
                page("tarn/pool", &[("other", "Home")]),
            ],
            files: vec![("pages.jsonl".to_owned(), "00".to_owned())],
            ..Dataset::default()
        }
    }

    fn line(id: &str, text: &str, was: &str, label: &str) -> String {
        let text_hash = text_hash(text);
        serde_json::json!({"id": id, "text_hash": text_hash, "was": was, "label": label, "reason": "x"}).to_string()
            + "\n"
    }

    fn read(files: &[&str]) -> Result<Corrections> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..files.len())
            .map(|n| folder.path().join(format!("fix{n}.jsonl")))
            .collect();
        for (path, content) in paths.iter().zip(files) {
            std::fs::write(path, content).unwrap();
        }
        Corrections::read(&paths)
    }

    fn labels(dataset: &Dataset) -> Vec<Vec<&str>> {
        let pages = dataset.pages.iter();
        pages
            .map(|page| page.blocks.iter().map(|block| block.label.as_str()).collect())
            .collect()
    }

    fn message(files: &[&str]) -> String {
        read(files).unwrap_err().to_string()
    }

    #[test]
    fn blocks_of_the_page_with_this_text_and_this_label_are_corrected() {
        let mut dataset = dataset();
        let applied = read(&[&line("mill/weir", "HOME", "other", "body")])
            .unwrap()
            .apply(&mut dataset);
        // the third block has another label, and the block of the other page another id
        assert_eq!(labels(&dataset), [vec!["body", "body", "promo", "body"], vec!["other"]]);
        assert_eq!((applied.blocks, applied.idle), (2, Vec::new()));
    }

    #[test]
    fn all_corrections_are_of_the_labels_as_they_were_read() {
        let mut dataset = dataset();
        let (there, back) = (
            line("mill/weir", "Home", "other", "promo"),
            line("mill/weir", "Home", "promo", "other"),
        );
        read(&[&(there + &back)]).unwrap().apply(&mut dataset);
        assert_eq!(labels(&dataset)[0], ["promo", "body", "other", "promo"]);
    }

    #[test]
    fn a_correction_that_finds_no_block_is_named_with_its_place_and_reason() {
        let mut dataset = dataset();
        let lines = line("tarn/pool", "Home", "promo", "body")
            + &line("tarn/pool", "Away", "other", "body")
            + &line("gone/page", "Home", "other", "body");
        let applied = read(&[&lines]).unwrap().apply(&mut dataset);
        assert_eq!(labels(&dataset), labels(&self::dataset()));
        let named: Vec<String> = applied.idle.iter().map(ToString::to_string).collect();
        let (home, away) = (text_hash("Home"), text_hash("Away"));
        assert_eq!(applied.blocks, 0);
        assert_eq!(named.len(), 3);
        assert!(
            named[0].ends_with(&format!(
                "fix0.jsonl:1 (block {home} of page \"tarn/pool\" is not \"promo\")"
            )),
            "{named:?}"
        );
        assert!(named[1].ends_with(&format!("fix0.jsonl:2 (page \"tarn/pool\" has no block {away})")));
        assert!(named[2].ends_with("fix0.jsonl:3 (page \"gone/page\" is not in the data)"));
    }

    #[test]
    fn a_model_says_which_corrections_it_was_made_with() {
        let mut dataset = dataset();
        read(&[&line("tarn/pool", "Home", "other", "body")])
            .unwrap()
            .apply(&mut dataset);
        let names: Vec<&str> = dataset.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["fix0.jsonl", "pages.jsonl"]);
        assert_eq!(dataset.files[0].1.len(), 64);
    }

    #[test]
    fn the_same_correction_counts_once_and_one_that_disagrees_is_refused() {
        let one = line("a/b", "Home", "other", "body");
        let read_twice = read(&[&one, &one]).unwrap();
        assert_eq!((read_twice.len(), read_twice.is_empty()), (1, false));
        assert!(read(&[]).unwrap().is_empty());
        let message = message(&[&one, &line("a/b", "Home", "other", "promo")]);
        assert!(message.contains("fix1.jsonl:1: page \"a/b\""), "{message}");
        assert!(
            message.contains("\"promo\" here and \"body\" in ") && message.contains("fix0.jsonl:1; "),
            "{message}"
        );
        // other blocks: another label, another text, another page
        for other in [
            line("a/b", "Home", "caption", "promo"),
            line("a/b", "House", "other", "promo"),
            line("a/c", "Home", "other", "promo"),
        ] {
            assert_eq!(read(&[&one, &other]).unwrap().len(), 2);
        }
    }

    #[test]
    fn records_that_are_no_correction_are_refused_with_file_and_line() {
        let good = line("a/b", "Home", "other", "body");
        for (bad, wanted) in [
            ("{\"id\":".to_owned(), "no correction: "),
            (good.replace("\"reason\"", "\"why\""), "unknown field `why`"),
            (good.replace(",\"reason\":\"x\"", ""), "no correction: "),
            (good.replace(",\"was\":\"other\"", ""), "missing field `was`"),
            (good.replace("\"x\"", "\" \""), "the `reason` is empty"),
            (good.replace("\"body\"", "\"other\""), "changes nothing"),
            (good.replace(&text_hash("Home"), "Home"), "eight hexadecimal digits"),
            (good.replace(&text_hash("Home"), "0123ABCD"), "eight hexadecimal digits"),
        ] {
            assert_ne!(bad, good);
            let message = message(&[&(good.clone() + "\n" + &bad)]);
            assert!(
                message.contains("fix0.jsonl:3: ") && message.contains(wanted),
                "{message}"
            );
        }
    }

    #[test]
    fn a_label_that_is_not_allowed_is_refused_with_file_and_line() {
        let corrections =
            read(&[&(line("a/b", "Home", "advert", "body") + &line("a/c", "Home", "other", "bdoy"))]).unwrap();
        let allowed = ["body", "other"].map(str::to_owned);
        let message = corrections.check_labels(&allowed).unwrap_err().to_string();
        assert!(
            message.contains("fix0.jsonl:2: unknown label \"bdoy\"; the labels are body, other"),
            "{message}"
        );
        // the label that a block had may be what is wrong with it
        assert!(
            read(&[&line("a/b", "Home", "advert", "body")])
                .unwrap()
                .check_labels(&allowed)
                .is_ok()
        );
    }
}
