//! Pages with their main text and no labels, as data sets of extractors have them: what is kept of a page against that text, by words.
//!
//! A page whose HTML lacks its main text (scripts fetch it) would be judged for what cannot be read; it is left out and counted.

use crate::balance::{Balance, Priority};
use crate::dataset::{read_lines, site_of};
use crate::error::{Error, Result};
use crate::evaluate::{Overlap, OverlapFigures, WordBag};
use crate::label::{Label, LabelSet, USUAL_ORDER};
use crate::page::{Page, PageKind};
use crate::segment::{Segmented, Split, segment};
use ndarray::ArrayView2;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The usual key of the main text.
pub const MAIN_TEXT_KEY: &str = "gold_text";

/// Share of the main text that must stand in a page, 0 to 1, where a data set tells it (`gold_recall`); chosen: below it the text
/// comes by scripts, or is of another page.
pub const LEAST_GOLD_RECALL: f64 = 0.8;

/// A page with its main text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainTextPage {
    /// Name of the page.
    pub id: String,
    /// Address; its host is the site.
    pub url: Option<String>,
    /// The page's source.
    pub source: String,
    /// Whether that is HTML or plain text.
    pub kind: PageKind,
    /// The words that are wanted of it.
    pub main_text: String,
    /// Kind of page (article, forum, product ...), as the data set calls it.
    pub page_type: Option<String>,
}

impl MainTextPage {
    /// The site that the page belongs to, as that of a labelled page.
    pub fn site(&self) -> String {
        site_of(&self.id, self.url.as_deref())
    }

    /// The page's blocks as they are at scoring.
    ///
    /// # Errors
    /// [`Error::PageTooLarge`].
    pub fn segmented(&self) -> Result<Segmented> {
        let page = Page::from_text(&self.id, self.source.clone(), Some(self.kind))?;
        Ok(segment(&page, Split::Auto))
    }
}

/// Pages with their main text, and what was found out while reading them.
#[derive(Debug, Default)]
pub struct MainTexts {
    /// The pages, sorted by id.
    pub pages: Vec<MainTextPage>,
    /// Number of pages that were left out because their `gold_recall` is below [`LEAST_GOLD_RECALL`].
    pub need_scripts: usize,
    /// Number of pages that were left out because their main text has no word.
    pub without_words: usize,
    /// Records that could not be used, each with file and line.
    pub errors: Vec<Error>,
}

impl MainTexts {
    /// Reads files of JSON lines, plain, `.gz` or `.zst`: `id`, perhaps `url`, `html` or else `text`, the main text under `key`, perhaps
    /// `page_type` and `gold_recall`; other keys are not read. A bad record is kept in [`MainTexts::errors`] and the rest is read.
    ///
    /// # Errors
    /// [`Error::Read`] when a file cannot be read, [`Error::Option`] when there is no record, or an id stands twice.
    pub fn read(paths: &[PathBuf], key: &str) -> Result<Self> {
        let mut texts = Self::default();
        for path in paths.iter().collect::<BTreeSet<_>>() {
            read_lines(path, |line, record| {
                if let Err(problem) = texts.add(record, key) {
                    texts.errors.push(Error::Record {
                        path: path.clone(),
                        line,
                        problem: format!("no page with its main text: {problem}"),
                    });
                }
            })?;
        }
        if !paths.is_empty() && texts.is_empty() {
            return Err(Error::Option {
                option: "--main-text",
                problem: "the files hold no page".to_owned(),
            });
        }
        texts.pages.sort_by(|a, b| a.id.cmp(&b.id));
        match texts.pages.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(Error::Option {
                option: "--main-text",
                problem: format!("the id {:?} stands twice; give each page its own", pair[0].id),
            }),
            None => Ok(texts),
        }
    }

    /// Whether nothing was read: no page, none left out, none that could not be used.
    fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.need_scripts + self.without_words + self.errors.len() == 0
    }

    /// What judges these pages by blocks with these labels; `None` when no file was read.
    ///
    /// # Errors
    /// [`Error::Option`] when no page is left to judge, or none of the labels is called `body`.
    pub fn keeping(&self, labels: &LabelSet) -> Result<Option<Keeping>> {
        match (self.is_empty(), self.pages.is_empty()) {
            (true, _) => Ok(None),
            (false, true) => Err(self.no_page()),
            (false, false) => Keeping::new(labels).map(Some),
        }
    }

    fn no_page(&self) -> Error {
        Error::Option {
            option: "--main-text",
            problem: format!(
                "no page to judge by; {} left out with a `gold_recall` under {LEAST_GOLD_RECALL}, {} without a word of \
                 main text, {} could not be used",
                self.need_scripts,
                self.without_words,
                self.errors.len()
            ),
        }
    }

    fn add(&mut self, record: &[u8], key: &str) -> Result<(), String> {
        let mut record: Map<String, Value> = serde_json::from_slice(record).map_err(|error| {
            format!("{error}; wanted one JSON object with `id`, `html` or `text`, {key:?}, and perhaps `url` and `page_type`")
        })?;
        if !record.contains_key(key) {
            return Err(format!(
                "it has no {key:?}; name the key of the main text with --main-text-key"
            ));
        }
        // `null` is what sets write for a page whose main text nobody knows
        let main_text = string(&mut record, key)?.unwrap_or_default();
        let id = string(&mut record, "id")?
            .filter(|id| !id.is_empty())
            .ok_or("it has no `id`; give each page its own")?;
        let html = string(&mut record, "html")?.map(|html| (html, PageKind::Html));
        let text = string(&mut record, "text")?.map(|text| (text, PageKind::Text));
        let (source, kind) = html
            .or(text)
            .ok_or_else(|| format!("page {id:?} has neither `html` nor `text`; give one of them"))?;
        let gold_recall = match record.get("gold_recall") {
            None | Some(Value::Null) => None,
            Some(Value::Number(share)) => share.as_f64(),
            Some(other) => return Err(format!("`gold_recall` is {other}; wanted a number from 0 to 1")),
        };
        if gold_recall.is_some_and(|share| share < LEAST_GOLD_RECALL) {
            self.need_scripts += 1;
        } else if [main_text.as_str()].into_iter().collect::<WordBag>().is_empty() {
            self.without_words += 1;
        } else {
            self.pages.push(MainTextPage {
                id,
                url: string(&mut record, "url")?,
                source,
                kind,
                main_text,
                page_type: string(&mut record, "page_type")?,
            });
        }
        Ok(())
    }
}

/// Takes a string out of a record; `null` is none.
fn string(record: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match record.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("{key:?} is no string; wanted a string or null"))
        }
    }
}

/// Keeps the blocks labelled `body`, with each priority.
#[derive(Clone, Debug)]
pub struct Keeping {
    body: Label,
    balances: Vec<Balance>,
}

/// What is kept of a page against its main text.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Kind of page, as the data set calls it.
    pub page_type: Option<String>,
    /// All blocks.
    pub everything: Overlap,
    /// The blocks labelled `body`, with each of [`Priority::ALL`].
    pub by_priority: Vec<Overlap>,
}

impl Keeping {
    fn new(labels: &LabelSet) -> Result<Self> {
        let body = labels.find(USUAL_ORDER[0]).ok_or_else(|| Error::Option {
            option: "--main-text",
            problem: format!(
                "main text is compared with the blocks labelled {:?}, and the labels are {}",
                USUAL_ORDER[0],
                labels.names().join(", ")
            ),
        })?;
        let balances = Priority::ALL
            .iter()
            .map(|priority| Balance::new(labels, &[], &[], *priority));
        Ok(Self {
            body,
            balances: balances.collect::<Result<_>>()?,
        })
    }

    /// What is kept of a page whose blocks have these texts and these probabilities, shape (blocks, labels).
    pub fn judge(&self, page: &MainTextPage, texts: &[&str], probabilities: ArrayView2<'_, f64>) -> Kept {
        assert_eq!(texts.len(), probabilities.nrows(), "a row for each block");
        let wanted: WordBag = [page.main_text.as_str()].into_iter().collect();
        let by_priority = self.balances.iter().map(|balance| {
            let labels = balance.labels(probabilities);
            let kept = texts.iter().zip(labels).filter(|(_, label)| *label == self.body);
            wanted.overlap(&kept.map(|(text, _)| *text).collect())
        });
        Kept {
            page_type: page.page_type.clone(),
            everything: wanted.overlap(&texts.iter().copied().collect()),
            by_priority: by_priority.collect(),
        }
    }
}

/// How well what is kept agrees with pages' main text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MainTextReport {
    /// Number of pages left out because most of their main text does not stand in them, by their `gold_recall`.
    pub need_scripts: usize,
    /// Number of pages left out because their main text has no word.
    pub without_words: usize,
    /// Of all pages.
    pub all: KeptFigures,
    /// By kind of page, of those that have one.
    pub page_types: BTreeMap<String, KeptFigures>,
}

/// Agreement with main text, as means over pages.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeptFigures {
    /// Number of pages.
    pub pages: usize,
    /// All blocks kept.
    pub everything: OverlapFigures,
    /// The blocks labelled `body` kept, by priority: `recall`, `balanced` and `precision`.
    pub kept: BTreeMap<String, OverlapFigures>,
}

impl MainTextReport {
    /// Of pages that were read and judged.
    ///
    /// # Errors
    /// [`Error::Option`] when there is none.
    pub fn new(texts: &MainTexts, pages: &[Kept]) -> Result<Self> {
        if pages.is_empty() {
            return Err(texts.no_page());
        }
        let mut by_type: BTreeMap<&str, Vec<&Kept>> = BTreeMap::new();
        for page in pages {
            if let Some(page_type) = &page.page_type {
                by_type.entry(page_type).or_default().push(page);
            }
        }
        let page_types = by_type.into_iter();
        Ok(Self {
            need_scripts: texts.need_scripts,
            without_words: texts.without_words,
            all: KeptFigures::new(&pages.iter().collect::<Vec<_>>()),
            page_types: page_types
                .map(|(name, pages)| (name.to_owned(), KeptFigures::new(&pages)))
                .collect(),
        })
    }
}

impl KeptFigures {
    fn new(pages: &[&Kept]) -> Self {
        let of = |overlap: &dyn Fn(&Kept) -> Overlap| {
            OverlapFigures::new(&pages.iter().map(|page| overlap(page)).collect::<Vec<_>>())
        };
        let kept = Priority::ALL.iter().enumerate();
        Self {
            pages: pages.len(),
            everything: of(&|page| page.everything),
            kept: kept
                .map(|(at, priority)| (priority.as_str().to_owned(), of(&|page| page.by_priority[at])))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str, key: &str) -> Result<MainTexts> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, lines).unwrap();
        MainTexts::read(&[path], key)
    }

    const GOOD: &str = r#"{"id":"a/b","html":"<p>x","gold_text":"x","url":null,"with":[1]}"#;

    #[test]
    fn html_counts_before_text_and_other_keys_are_not_read() {
        let both = GOOD.replace(
            "\"url\":null",
            "\"text\":\"y\",\"url\":\"https://www.a.example/b\",\"page_type\":\"forum\"",
        );
        let text = GOOD.replace("\"html\"", "\"text\"").replace("a/b", "a/c");
        let read = read(&format!("{text}\n{both}\n"), "gold_text").unwrap();
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        let [html, text] = &read.pages[..] else {
            panic!("{read:?}")
        };
        assert_eq!(
            (html.id.as_str(), html.kind, html.source.as_str()),
            ("a/b", PageKind::Html, "<p>x")
        );
        assert_eq!(
            (html.site(), html.page_type.as_deref()),
            ("a.example".to_owned(), Some("forum"))
        );
        assert_eq!((text.kind, text.site()), (PageKind::Text, "a".to_owned()));
        assert_eq!(html.segmented().unwrap().blocks.len(), 1);
    }

    #[test]
    fn the_main_text_can_have_another_key() {
        let other = GOOD.replace("gold_text", "articleBody");
        assert_eq!(read(&other, "articleBody").unwrap().pages[0].main_text, "x");
        let message = read(&other, "gold_text").unwrap().errors[0].to_string();
        assert!(
            message.contains("x.jsonl:1: ") && message.contains("--main-text-key"),
            "{message}"
        );
    }

    #[test]
    fn pages_that_need_scripts_or_have_no_main_text_are_left_out_and_counted() {
        let recall = |share: &str| {
            GOOD.replace("\"url\":null", &format!("\"gold_recall\":{share}"))
                .replace("a/b", share)
        };
        let empty = GOOD.replace("\"gold_text\":\"x\"", "\"gold_text\":\" - \"");
        let null = GOOD.replace("\"gold_text\":\"x\"", "\"gold_text\":null");
        let lines = [recall("0.79"), recall("0.8"), recall("null"), empty, null].join("\n");
        let read = read(&lines, "gold_text").unwrap();
        let ids: Vec<&str> = read.pages.iter().map(|page| page.id.as_str()).collect();
        assert_eq!(
            (ids, read.need_scripts, read.without_words),
            (vec!["0.8", "null"], 1, 2)
        );
    }

    #[test]
    fn records_that_cannot_be_used_are_named_with_file_and_line() {
        for (bad, wanted) in [
            ("[]".to_owned(), "wanted one JSON object"),
            (GOOD.replace("\"a/b\"", "\"\""), "no `id`"),
            (GOOD.replace("\"a/b\"", "3"), "\"id\" is no string"),
            (GOOD.replace("\"html\"", "\"body\""), "neither `html` nor `text`"),
            (
                GOOD.replace("\"url\":null", "\"gold_recall\":\"1\""),
                "`gold_recall` is \"1\"",
            ),
        ] {
            assert_ne!(bad, GOOD);
            let read = read(&format!("{bad}\n{GOOD}\n"), "gold_text").unwrap();
            let message = read.errors[0].to_string();
            assert!(message.contains("x.jsonl:1: ") && message.contains(wanted), "{message}");
            assert_eq!(read.pages.len(), 1);
        }
        assert!(
            read(&format!("{GOOD}\n{GOOD}"), "gold_text")
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }

    fn kept(probabilities: &[[f64; 2]]) -> Kept {
        let labels = LabelSet::new(["body", "promo"]).unwrap();
        let page = &read(
            &GOOD.replace("\"gold_text\":\"x\"", "\"gold_text\":\"One two, three\""),
            "gold_text",
        )
        .unwrap()
        .pages[0];
        let rows: Vec<f64> = probabilities.iter().flatten().copied().collect();
        let rows = ndarray::Array2::from_shape_vec((probabilities.len(), 2), rows).unwrap();
        Keeping::new(&labels)
            .unwrap()
            .judge(page, &["one two", "four three", "five"], rows.view())
    }

    #[test]
    fn the_words_of_body_blocks_are_compared_with_each_priority() {
        // 40 to 1 and 1 to 20 are where the priorities turn
        let kept = kept(&[[0.99, 0.01], [0.9, 0.1], [0.1, 0.9]]);
        let pair = |overlap: Overlap| (overlap.precision, overlap.recall);
        assert_eq!(pair(kept.everything), (3.0 / 5.0, 1.0));
        let [recall, balanced, precision] = kept.by_priority[..] else {
            panic!("{kept:?}")
        };
        assert_eq!(pair(recall), (3.0 / 5.0, 1.0));
        assert_eq!(pair(balanced), (3.0 / 4.0, 1.0));
        assert_eq!(pair(precision), (1.0, 2.0 / 3.0));
    }

    #[test]
    fn figures_are_means_over_pages_and_by_kind_of_page() {
        let one = kept(&[[0.99, 0.01], [0.1, 0.9], [0.1, 0.9]]);
        let forum = Kept {
            page_type: Some("forum".to_owned()),
            ..kept(&[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
        };
        let report = MainTextReport::new(&MainTexts::default(), &[one, forum]).unwrap();
        assert_eq!(report.all.pages, 2);
        assert_eq!(report.all.kept["balanced"].recall.value, Some(1.0 / 3.0));
        assert_eq!(report.page_types.len(), 1);
        assert_eq!(report.page_types["forum"].pages, 1);
        assert_eq!(report.page_types["forum"].kept["balanced"].f1.value, Some(0.0));
        assert!(MainTextReport::new(&MainTexts::default(), &[]).is_err());
    }

    #[test]
    fn without_a_page_to_judge_it_is_an_error_unless_no_file_was_given() {
        let labels = LabelSet::new(["body", "promo"]).unwrap();
        assert!(MainTexts::default().keeping(&labels).unwrap().is_none());
        assert!(read(GOOD, "gold_text").unwrap().keeping(&labels).unwrap().is_some());
        let message = read("{}", "gold_text")
            .unwrap()
            .keeping(&labels)
            .unwrap_err()
            .to_string();
        assert!(message.contains("1 could not be used"), "{message}");
        assert!(read("", "gold_text").unwrap_err().to_string().contains("hold no page"));
    }

    #[test]
    fn labels_without_body_are_refused() {
        let message = Keeping::new(&LabelSet::new(["keep", "drop"]).unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("--main-text") && message.contains("drop, keep"),
            "{message}"
        );
    }
}
