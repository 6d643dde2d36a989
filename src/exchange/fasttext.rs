//! Pages to lines of fastText, a line for each block, and such lines back to pages.
//!
//! fastText takes any word that begins with `__label__` for a label, and `</s>` for the end of the line (`Dictionary::readWord`). It
//! passes over empty lines when it trains and tests (`FastText::supervised`), so one can stand between pages.

use super::{Annotated, Found, Frame, LabelSpan, LabelledBlocks, SpanText, push_paragraph};
use crate::label::{LabelSet, is_valid_name};
use std::borrow::Cow;

/// What a label's word begins with, unless fastText is told otherwise.
pub(super) const PREFIX: &str = "__label__";

/// The word that ends a line.
const END_OF_LINE: &str = "</s>";

/// Makes a word another one: of zero width, and in no block, as it is white space to us alone.
const GUARD: char = '\u{200b}';

/// A blank line ends a page.
pub(super) const FRAME: Frame = Frame {
    opening: "",
    between: "\n",
    closing: "",
};

// ---- out

/// The lines of a page.
pub(super) fn record(page: &LabelledBlocks<'_>, names: &LabelSet) -> String {
    let lines = page
        .labelled()
        .map(|(block, label, _)| format!("{PREFIX}{} {}\n", names.name(label), guarded(&block.text)));
    lines.collect()
}

/// A block's text in which no word is a label or ends the line.
fn guarded(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) && !text.contains(END_OF_LINE) {
        return Cow::Borrowed(text);
    }
    let mut guarded = String::with_capacity(text.len() + GUARD.len_utf8());
    // the white space of a block is single spaces, and to fastText NUL is white space too
    for word in text.split_inclusive([' ', '\0']) {
        if word.starts_with(PREFIX) || word.trim_end_matches([' ', '\0']) == END_OF_LINE {
            guarded.push(GUARD);
        }
        guarded.push_str(word);
    }
    Cow::Owned(guarded)
}

// ---- in

/// Puts lines together to pages.
#[derive(Debug, Default)]
pub(super) struct Lines {
    page: Option<OpenPage>,
}

/// A page to which more lines may come.
#[derive(Debug)]
struct OpenPage {
    first_line: usize,
    last_line: usize,
    text: String,
    spans: Vec<LabelSpan>,
}

impl Lines {
    /// Takes a line that is not blank; one that does not follow the last one begins a page.
    pub(super) fn add(&mut self, file: &str, number: usize, line: &[u8], found: &mut impl FnMut(Found)) {
        if self.page.as_ref().is_some_and(|page| page.last_line + 1 < number)
            && let Some(page) = self.end(file)
        {
            found(page);
        }
        let page = self.page.get_or_insert_with(|| OpenPage {
            first_line: number,
            last_line: number,
            text: String::new(),
            spans: Vec::new(),
        });
        page.last_line = number;
        match parse(line) {
            Ok((label, text)) => {
                let range = push_paragraph(&mut page.text, &text);
                page.spans.extend(label.map(|label| LabelSpan {
                    range,
                    label,
                    probability: None,
                }));
            }
            Err(problem) => found((number, Err(problem))),
        }
    }

    /// The page that is open, with the number of its first line.
    pub(super) fn end(&mut self, file: &str) -> Option<Found> {
        let page = self.page.take()?;
        let text = SpanText {
            id: format!("{file}:{}", page.first_line),
            url: None,
            text: page.text,
            spans: page.spans,
        };
        Some((page.first_line, Ok(Annotated::Text(text))))
    }
}

/// The text that was [`guarded`].
fn unguarded(text: &str) -> String {
    [PREFIX, END_OF_LINE].into_iter().fold(text.to_owned(), |text, word| {
        text.replace(&format!("{GUARD}{word}"), word)
    })
}

/// The label of a line, if it has one, and its text.
fn parse(line: &[u8]) -> Result<(Option<String>, String), String> {
    let line = std::str::from_utf8(line).map_err(|error| format!("no UTF-8: {error}"))?;
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let words = line
        .split([' ', '\t', '\r', '\x0b', '\x0c'])
        .filter(|word| !word.is_empty());
    let (labels, words): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with(PREFIX));
    let mut labels: Vec<&str> = labels.iter().map(|label| &label[PREFIX.len()..]).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() > 1 {
        return Err(format!(
            "the line has {} labels ({}); a block has one",
            labels.len(),
            labels.join(", ")
        ));
    }
    if words.is_empty() {
        return Err("there is no text beside the label; take the line out".to_owned());
    }
    match labels.pop() {
        Some(label) if !is_valid_name(label) => Err(format!(
            "the label {label:?} is empty or holds white space, `,` or `=`; rename it"
        )),
        label => Ok((label.map(str::to_owned), unguarded(&words.join(" ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ImportFormat, Importer};
    use super::*;

    /// What is read of a file.
    fn read(file: &str) -> Vec<Found> {
        let mut all = Vec::new();
        let mut importer = Importer::new(ImportFormat::FastText, "x.txt");
        for (number, line) in (1..).zip(file.split('\n')).filter(|(_, line)| !line.trim().is_empty()) {
            importer.line(number, line.as_bytes(), |found| all.push(found));
        }
        importer.end(|found| all.push(found));
        all
    }

    fn pages(file: &str) -> Vec<SpanText> {
        let pages = read(file).into_iter().map(|(_, page)| match page {
            Ok(Annotated::Text(text)) => text,
            other => panic!("{other:?}"),
        });
        pages.collect()
    }

    #[test]
    fn a_blank_line_ends_a_page_and_its_name_is_that_of_its_first_line() {
        let pages = pages("\n__label__body One two\r\n__label__promo three\r\n\r\n\n__label__body four\n");
        let ids: Vec<(&str, &str)> = pages
            .iter()
            .map(|page| (page.id.as_str(), page.text.as_str()))
            .collect();
        assert_eq!(ids, [("x.txt:2", "One two\n\nthree"), ("x.txt:6", "four")]);
        assert_eq!(
            pages[0].block_labels(None).unwrap().blocks,
            [("One two", "body"), ("three", "promo")].map(|(text, label)| (text.to_owned(), label.to_owned()))
        );
    }

    #[test]
    fn a_line_without_a_label_is_text_without_one() {
        let pages = pages("One two\nthree __label__promo\n");
        assert_eq!((pages[0].text.as_str(), pages[0].spans.len()), ("One two\n\nthree", 1));
        assert_eq!(&pages[0].text[pages[0].spans[0].range.clone()], "three");
    }

    #[test]
    fn a_bad_line_costs_no_other() {
        for (bad, wanted) in [
            (
                "__label__body __label__promo x",
                "2 labels (body, promo); a block has one",
            ),
            ("__label__body", "no text beside the label"),
            ("__label__ x", "the label \"\" is empty"),
            ("__label__a,b x", "rename it"),
        ] {
            let found = read(&format!("__label__body One\n{bad}\n__label__body two\n"));
            let (2, Err(problem)) = &found[0] else {
                panic!("{found:?}")
            };
            assert!(problem.contains(wanted), "{problem}");
            assert!(matches!(&found[1], (1, Ok(Annotated::Text(text))) if text.spans.len() == 2));
        }
        let mut found = Vec::new();
        Importer::new(ImportFormat::FastText, "x").line(1, b"__label__body \xff", |item| found.push(item));
        assert!(matches!(&found[..], [(1, Err(problem))] if problem.contains("no UTF-8")));
    }

    #[test]
    fn words_that_mean_more_to_fasttext_are_guarded_and_come_back() {
        let text = "__label__x is a word, so is </s> but not x__label__x or </s>. \0__label__y \0</s>\0";
        let guarded = guarded(text);
        let words: Vec<&str> = guarded.split([' ', '\0']).collect();
        assert!(
            !words
                .iter()
                .any(|word| word.starts_with(PREFIX) || *word == END_OF_LINE),
            "{guarded}"
        );
        let page = &pages(&format!("__label__body {guarded}\n"))[0];
        assert_eq!(page.block_labels(None).unwrap().blocks[0].0, text);
    }
}
